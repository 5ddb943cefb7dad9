package dev.shepherd.provider.equinix;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderProperty;
import dev.shepherd.api.ProviderProperty.Type;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Makes {@link EquinixProvider}s from text properties. */
public final class EquinixProviderFactory implements ProviderFactory {

    private static final String PROJECT = "project";
    private static final String API_TOKEN = "api-token";
    private static final String API_TOKEN_FILE = "api-token-file";
    private static final String API_TOKEN_VARIABLE = "api-token-variable";
    private static final String DEVICE_PREFIX = "device-prefix";
    private static final String SSH_KEY_LABEL = "ssh-key-label";
    private static final String SSH_PUBLIC_KEY = "ssh-public-key";
    private static final String SSH_PUBLIC_KEY_FILE = "ssh-public-key-file";
    private static final String USE_PROJECT_KEYS = "use-project-keys";
    private static final String OPERATING_SYSTEM = "operating-system";
    private static final String USE_PRIVATE_ADDRESSES = "use-private-addresses";
    private static final String ENDPOINT = "endpoint";
    private static final String RESERVATION_CACHE = "reservation-cache";
    private static final String FAILED_RESERVATION_PAUSE = "failed-reservation-pause";
    private static final String PAGE_SIZE = "page-size";
    private static final String MAX_CONCURRENT_CALLS = "max-concurrent-calls";
    private static final String CALLS_PER_SECOND = "calls-per-second";
    private static final String ATTEMPT_TIMEOUT = "attempt-timeout";
    private static final String TOTAL_TIMEOUT = "total-timeout";
    private static final String BACKOFF_INITIAL = "backoff-initial";
    private static final String BACKOFF_MAXIMUM = "backoff-maximum";

    private final UnaryOperator<@Nullable String> environment;

    /** Makes the factory, as {@link java.util.ServiceLoader} does. */
    public EquinixProviderFactory() {
        this(System::getenv);
    }

    EquinixProviderFactory(UnaryOperator<@Nullable String> environment) {
        this.environment = environment;
    }

    @Override
    public String kind() {
        return "equinix";
    }

    @Override
    public String description() {
        return "Machines of a project of Equinix Metal, made from its hardware reservations";
    }

    @Override
    public List<ProviderProperty> properties() {
        return List.of(
                ProviderProperty.required(PROJECT, Type.STRING, "the id of the project, a UUID"),
                ProviderProperty.optional(
                                API_TOKEN, Type.STRING, null, "the API token; better kept in a file or a variable")
                        .asSecret(),
                ProviderProperty.optional(API_TOKEN_FILE, Type.PATH, null, "a file whose first line is the API token"),
                ProviderProperty.optional(
                        API_TOKEN_VARIABLE,
                        Type.STRING,
                        "METAL_AUTH_TOKEN",
                        "the environment variable that holds the API token where neither of the two others is given"),
                ProviderProperty.required(
                        DEVICE_PREFIX,
                        Type.STRING,
                        "what the hostnames of this fleet's devices begin with; others are never touched"),
                ProviderProperty.optional(
                        SSH_KEY_LABEL,
                        Type.STRING,
                        null,
                        "what the SSH key is called in the project; a key with this label is made or updated at start"),
                ProviderProperty.optional(
                        SSH_PUBLIC_KEY, Type.STRING, null, "the public SSH key that devices let in, in one line"),
                ProviderProperty.optional(
                        SSH_PUBLIC_KEY_FILE, Type.PATH, null, "a file whose first line is the public SSH key"),
                ProviderProperty.optional(
                        USE_PROJECT_KEYS,
                        Type.BOOLEAN,
                        "false",
                        "make devices with all SSH keys of the project, its members and its organization, in place of"
                                + " one key"),
                ProviderProperty.optional(
                        OPERATING_SYSTEM,
                        Type.STRING,
                        EquinixProvider.Builder.DEFAULT_OPERATING_SYSTEM,
                        "the slug of the operating system that devices are made and reinstalled with"),
                ProviderProperty.optional(
                        USE_PRIVATE_ADDRESSES,
                        Type.BOOLEAN,
                        "false",
                        "reach devices without a public address by a private one"),
                ProviderProperty.optional(
                        ENDPOINT,
                        Type.URI,
                        EquinixProvider.Builder.DEFAULT_ENDPOINT.toString(),
                        "where the API is, with its path"),
                ProviderProperty.optional(
                        RESERVATION_CACHE,
                        Type.DURATION,
                        "15m",
                        "how long a listing of the reservations is used again, from 0s to 30d"),
                ProviderProperty.optional(
                        FAILED_RESERVATION_PAUSE,
                        Type.DURATION,
                        "1h",
                        "how long a reservation that no device could be made from is left out, from 0s to 30d"),
                ProviderProperty.optional(
                        PAGE_SIZE, Type.INTEGER, "100", "how many devices or reservations to a page, from 1 to 1000"),
                ProviderProperty.optional(
                        MAX_CONCURRENT_CALLS, Type.INTEGER, "3", "how many requests at once, from 1 to 100"),
                ProviderProperty.optional(
                        CALLS_PER_SECOND, Type.INTEGER, "10", "how many requests a second, from 1 to 10000"),
                ProviderProperty.optional(
                        ATTEMPT_TIMEOUT, Type.DURATION, "30s", "how long one request may take, from 1ms to 1h"),
                ProviderProperty.optional(
                        TOTAL_TIMEOUT,
                        Type.DURATION,
                        "2m",
                        "how long a call may take with all its repetitions, from 1ms to 1h"),
                ProviderProperty.optional(
                        BACKOFF_INITIAL,
                        Type.DURATION,
                        "500ms",
                        "the most that is waited before the first repetition; doubled for each further one"),
                ProviderProperty.optional(
                        BACKOFF_MAXIMUM, Type.DURATION, "20s", "the most that is waited before any repetition"));
    }

    /**
     * Makes a provider. Asks the API for the project's SSH keys, and makes or updates the one that is configured.
     *
     * @throws ConfigurationException if a setting is missing, out of range, or still holds {@code FIXME}
     * @throws ProviderException if the API cannot be reached, or does not let the token in
     */
    @Override
    public EquinixProvider create(ProviderConfig config) throws InterruptedException {
        EquinixProvider.Builder builder = EquinixProvider.builder(config.type(), project(config), token(config));
        config.string(DEVICE_PREFIX).ifPresent(builder::devicePrefix);
        boolean projectKeys = config.bool(USE_PROJECT_KEYS).orElse(false);
        builder.projectKeys(projectKeys);
        if (!projectKeys || config.string(SSH_KEY_LABEL).isPresent()) {
            builder.sshKey(config.string(SSH_KEY_LABEL).orElse(""), publicKey(config));
        }
        config.string(OPERATING_SYSTEM).ifPresent(builder::operatingSystem);
        config.bool(USE_PRIVATE_ADDRESSES).ifPresent(builder::privateAddresses);
        config.uri(ENDPOINT).ifPresent(builder::endpoint);
        config.duration(RESERVATION_CACHE).ifPresent(builder::reservationCache);
        config.duration(FAILED_RESERVATION_PAUSE).ifPresent(builder::failedReservationPause);
        config.integer(PAGE_SIZE).ifPresent(builder::pageSize);
        config.integer(MAX_CONCURRENT_CALLS).ifPresent(builder::maxConcurrentCalls);
        config.integer(CALLS_PER_SECOND).ifPresent(builder::callsPerSecond);
        config.duration(ATTEMPT_TIMEOUT).ifPresent(builder::attemptTimeout);
        config.duration(TOTAL_TIMEOUT).ifPresent(builder::totalTimeout);
        builder.backoff(
                config.duration(BACKOFF_INITIAL).orElseThrow(),
                config.duration(BACKOFF_MAXIMUM).orElseThrow());
        return builder.build();
    }

    private static UUID project(ProviderConfig config) {
        String text = config.string(PROJECT).orElse("");
        try {
            return UUID.fromString(text.strip());
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException(
                    PROJECT, "\"project\" must be the id of a project, a UUID, not \"" + text + "\"");
        }
    }

    private String token(ProviderConfig config) {
        Optional<String> token = config.string(API_TOKEN);
        Optional<Path> file = config.path(API_TOKEN_FILE);
        if (token.isPresent() && file.isPresent()) {
            throw new ConfigurationException(API_TOKEN, "\"api-token\" and \"api-token-file\" exclude one another");
        }
        if (token.isPresent()) {
            return token.get();
        }
        if (file.isPresent()) {
            return firstLine(API_TOKEN_FILE, file.get());
        }
        String variable = config.string(API_TOKEN_VARIABLE).orElseThrow();
        String value = environment.apply(variable);
        if (value == null || value.isBlank()) {
            throw new ConfigurationException(
                    API_TOKEN_FILE,
                    "there is no API token: give \"api-token-file\", or set the environment variable " + variable);
        }
        return value;
    }

    private static String publicKey(ProviderConfig config) {
        Optional<String> key = config.string(SSH_PUBLIC_KEY);
        Optional<Path> file = config.path(SSH_PUBLIC_KEY_FILE);
        if (key.isPresent() == file.isPresent()) {
            throw new ConfigurationException(
                    SSH_PUBLIC_KEY_FILE, "give one of \"ssh-public-key-file\" and \"ssh-public-key\"");
        }
        return key.orElseGet(() -> firstLine(SSH_PUBLIC_KEY_FILE, file.orElseThrow()));
    }

    private static String firstLine(String property, Path file) {
        try (var lines = Files.lines(file)) {
            return lines.findFirst()
                    .filter(line -> !line.isBlank())
                    .orElseThrow(() -> new ConfigurationException(
                            property, "\"" + property + "\": the first line of " + file + " is empty"));
        } catch (IOException | java.io.UncheckedIOException e) {
            // Not as a cause: what is wrong with the text of a file may show the text.
            throw new ConfigurationException(
                    property,
                    "\"" + property + "\": " + file + " cannot be read: "
                            + e.getClass().getSimpleName());
        }
    }
}
