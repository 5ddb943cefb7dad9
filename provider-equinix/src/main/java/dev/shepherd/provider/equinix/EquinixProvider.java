package dev.shepherd.provider.equinix;

import dev.shepherd.api.AlreadyRecordedException;
import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.provider.equinix.client.Device;
import dev.shepherd.provider.equinix.client.DeviceActionInput;
import dev.shepherd.provider.support.CallThreads;
import dev.shepherd.provider.support.Excerpts;
import dev.shepherd.provider.support.Ticker;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A provider of the machines of one project of Equinix Metal.
 *
 * <p>Its machines are the project's devices whose hostname has the configured prefix, and its hardware reservations
 * that no device runs on. A free reservation becomes a machine by a device that is made from it, which carries the id
 * of its intent as a tag. Devices without the prefix are never touched.
 *
 * <p>Calls are repeated where that helps and does no harm, within a rate, and bounded in time. Safe for use by several
 * threads; takes {@link #maxConcurrentCalls()} calls at once.
 */
public final class EquinixProvider implements Recoverer {

    private static final Logger log = LoggerFactory.getLogger(EquinixProvider.class);

    private final ProviderType type;
    private final URI endpoint;
    private final UUID projectId;
    private final String operatingSystem;
    private final int maxConcurrentCalls;
    private final CallThreads threads;
    private final MetalProject project;
    private final Fleet fleet;
    private final FreeReservations free;
    private final DeviceMapper mapper;
    private final DeviceCreation creation;

    private EquinixProvider(Builder builder, CallThreads threads) throws InterruptedException {
        this.type = builder.type;
        this.endpoint = builder.endpoint;
        this.projectId = builder.project;
        this.operatingSystem = builder.operatingSystem;
        this.maxConcurrentCalls = builder.maxConcurrentCalls;
        this.threads = threads;
        CallSettings settings = builder.callSettings();
        String token = builder.token;
        MetalCalls calls = new MetalCalls(
                "provider " + type,
                settings,
                threads,
                MetalApi.mapper(),
                Excerpts.hiding(token),
                builder.ticker,
                builder.clock,
                builder.random);
        Supplier<MetalApi> api = new LazyApi(() -> MetalApi.open(endpoint, token, settings.attemptTimeout(), threads));
        this.project = new MetalProject(
                calls,
                new Pages("provider " + type, threads, settings.maxConcurrentCalls()),
                api,
                projectId,
                builder.pageSize);
        this.fleet = new Fleet(type, project, builder.devicePrefix);
        this.free = new FreeReservations(builder.reservationCache, builder.failedReservationPause, builder.clock);
        this.mapper = new DeviceMapper(type, builder.privateAddresses);
        this.creation = new DeviceCreation(type, project, calls, fleet, free, operatingSystem, ensureKey(builder));
    }

    /** Returns the keys to name to the API: none, where it is to use all that the project has. */
    private List<UUID> ensureKey(Builder builder) throws InterruptedException {
        if (builder.projectKeys) {
            log.warn(
                    "provider {}: \"use-project-keys\" is set: the holder of any SSH key of project {}, its members or"
                            + " its organization can log in to every machine that is created",
                    type,
                    projectId);
            return List.of();
        }
        String label = Objects.requireNonNull(builder.keyLabel);
        String key = Objects.requireNonNull(builder.publicKey);
        return List.of(new ProjectKey(type, project, label, key).ensure());
    }

    /**
     * Starts a provider with what every one needs.
     *
     * @param type the key of this instance in the database
     * @param project the id of the project
     * @param token the API token; a project's own will do
     */
    public static Builder builder(ProviderType type, UUID project, String token) {
        return new Builder(type, project, token);
    }

    @Override
    public ProviderType type() {
        return type;
    }

    /** A page of devices costs as much as one device. */
    @Override
    public boolean isListingCheap() {
        return true;
    }

    @Override
    public int maxConcurrentCalls() {
        return maxConcurrentCalls;
    }

    /**
     * Lists the devices of this fleet and the free reservations.
     *
     * <p>Devices are asked for at every listing, reservations only when what is known of them is too old. A device that
     * is still being made is not listed, and neither is its reservation.
     *
     * @throws ProviderException if they cannot be listed whole
     * @throws IllegalStateException if the provider is closed
     */
    @Override
    public List<MachineInfo> listMachines() throws InterruptedException {
        if (free.isStale()) {
            creation.refresh();
        }
        List<MachineInfo> machines = new ArrayList<>();
        Set<UUID> taken = new HashSet<>();
        Set<UUID> devices = new HashSet<>();
        for (Device device : project.devices()) {
            if (DeviceMapper.isDeleted(device)) {
                continue;
            }
            DeviceMapper.reservationId(device).ifPresent(taken::add);
            if (fleet.has(device) && !DeviceMapper.isInCreation(device)) {
                devices.add(DeviceMapper.id(device));
                machines.add(mapper.machine(device));
            }
        }
        mapper.retainWarnings(devices);
        for (Reservation reservation : free.usable()) {
            if (!taken.contains(reservation.id())) {
                machines.add(DeviceMapper.machine(reservation));
            }
        }
        return machines;
    }

    /**
     * Describes one device of this fleet as it is now, also one that is still being made.
     *
     * @throws MachineNotFoundException if there is no such device, if it has been deleted, or if its hostname does not
     *     have the prefix
     * @throws IllegalStateException if the provider is closed
     */
    @Override
    public MachineInfo getMachine(ProviderID id) throws InterruptedException {
        return mapper.machine(fleet.find(id));
    }

    /**
     * Makes a device from a reservation and records it, as soon as the API has accepted it.
     *
     * <p>First looks for a device that carries the intent already. Without a machine in the request any free
     * reservation is taken.
     *
     * @return the machine as it was recorded; one that is still being made may have no address yet
     * @throws NoCapacityException if there is no such free reservation, or it failed within the last hour; nothing was
     *     made
     * @throws AlreadyRecordedException if the intent or the machine is already recorded otherwise
     * @throws ProviderException with {@link Reason#TRANSIENT} if it is unknown whether a device was made; with another
     *     reason if none was
     * @throws IllegalStateException if the provider is closed
     */
    @Override
    public MachineInfo createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
        Objects.requireNonNull(session, "session");
        MachineInfo machine = mapper.machine(creation.make(request));
        session.inTransaction(transaction -> transaction.recordMachine(type, request, machine));
        log.debug("provider {}: device {} recorded for intent {}", type, machine.id(), request.intentId());
        return machine;
    }

    /**
     * Reboots a device, and returns when the API has accepted that.
     *
     * @throws MachineNotFoundException as {@link #getMachine} does
     * @throws ProviderException with {@link Reason#TRANSIENT} if it is unknown whether the device is rebooted: it is not
     *     tried again
     * @throws IllegalStateException if the provider is closed
     */
    @Override
    public void rebootMachine(ProviderID id) throws InterruptedException {
        UUID device = DeviceMapper.id(fleet.find(id));
        project.act("rebooting device " + id, device, new DeviceActionInput().type(DeviceActionInput.TypeEnum.REBOOT));
    }

    /**
     * Reinstalls a device with the configured operating system, and returns when the API has accepted that.
     *
     * @throws ProviderException as {@link #rebootMachine} does
     * @throws IllegalStateException if the provider is closed
     */
    @Override
    public void reinstallMachine(ProviderID id) throws InterruptedException {
        UUID device = DeviceMapper.id(fleet.find(id));
        project.act(
                "reinstalling device " + id,
                device,
                new DeviceActionInput()
                        .type(DeviceActionInput.TypeEnum.REINSTALL)
                        .operatingSystem(operatingSystem));
    }

    /**
     * Releases threads and connections, within about a second. A call that is under way throws
     * {@link IllegalStateException}, and so do all later ones but {@link #type()} and {@link #maxConcurrentCalls()}.
     */
    @Override
    public void close() {
        threads.close();
    }

    /** Returns the type, the API and the project. */
    @Override
    public String toString() {
        return "EquinixProvider[" + type + ", " + endpoint + ", project " + projectId + "]";
    }

    /** Collects the settings of an {@link EquinixProvider}. Not safe for use by several threads. */
    public static final class Builder {

        static final URI DEFAULT_ENDPOINT = URI.create("https://api.equinix.com/metal/v1");
        static final String DEFAULT_OPERATING_SYSTEM = "ubuntu_24_04";

        /** What a sample configuration holds where the operator has to fill in a value. */
        private static final String PLACEHOLDER = "FIXME";

        private static final Duration MIN_TIMEOUT = Duration.ofMillis(1);
        private static final Duration MAX_TIMEOUT = Duration.ofHours(1);
        private static final Duration MAX_PAUSE = Duration.ofDays(30);

        private final ProviderType type;
        private final UUID project;
        private final String token;
        private URI endpoint = DEFAULT_ENDPOINT;
        private String devicePrefix = "";
        private @Nullable String keyLabel;
        private @Nullable String publicKey;
        private boolean projectKeys;
        private boolean privateAddresses;
        private String operatingSystem = DEFAULT_OPERATING_SYSTEM;
        private Duration reservationCache = Duration.ofMinutes(15);
        private Duration failedReservationPause = Duration.ofHours(1);
        private int pageSize = 100;
        private int maxConcurrentCalls = 3;
        private int callsPerSecond = 10;
        private Duration attemptTimeout = Duration.ofSeconds(30);
        private Duration totalTimeout = Duration.ofMinutes(2);
        private Duration backoffInitial = Duration.ofMillis(500);
        private Duration backoffMaximum = Duration.ofSeconds(20);
        private Ticker ticker = Ticker.SYSTEM;
        private Clock clock = Clock.systemUTC();
        private RandomGenerator random = new ThreadLocalGenerator();

        private Builder(ProviderType type, UUID project, String token) {
            this.type = Objects.requireNonNull(type, "type");
            this.project = Objects.requireNonNull(project, "project");
            this.token = Objects.requireNonNull(token, "token").strip();
        }

        /** Essential: sets what the hostnames of this fleet's devices begin with. Two fleets need two prefixes. */
        public Builder devicePrefix(String prefix) {
            this.devicePrefix = Objects.requireNonNull(prefix, "prefix");
            return this;
        }

        /**
         * Essential, unless {@link #projectKeys} is set: the SSH key that lets Shepherd in to the machines.
         *
         * @param label what it is called in the project; a key that has this label and is another is updated
         * @param publicKey the public key, as a line of {@code authorized_keys}
         */
        public Builder sshKey(String label, String publicKey) {
            this.keyLabel = Objects.requireNonNull(label, "label");
            this.publicKey = Objects.requireNonNull(publicKey, "publicKey").strip();
            return this;
        }

        /**
         * Rare: makes devices with all the SSH keys of the project, of its members and of its organization, and leaves
         * the keys alone. False by default.
         */
        public Builder projectKeys(boolean projectKeys) {
            this.projectKeys = projectKeys;
            return this;
        }

        /** Common: sets the slug of the operating system to install; {@value #DEFAULT_OPERATING_SYSTEM} by default. */
        public Builder operatingSystem(String slug) {
            this.operatingSystem = Objects.requireNonNull(slug, "slug");
            return this;
        }

        /** Common: allows private addresses for machines that have no public one. False by default. */
        public Builder privateAddresses(boolean privateAddresses) {
            this.privateAddresses = privateAddresses;
            return this;
        }

        /** Rare: sets where the API is; {@code https://api.equinix.com/metal/v1} by default. */
        public Builder endpoint(URI endpoint) {
            this.endpoint = Objects.requireNonNull(endpoint, "endpoint");
            return this;
        }

        /** Rare: sets how long the listing of reservations is used again; 15 minutes by default. */
        public Builder reservationCache(Duration keptFor) {
            this.reservationCache = Objects.requireNonNull(keptFor, "keptFor");
            return this;
        }

        /** Rare: sets how long a reservation that failed is left out; 1 hour by default. */
        public Builder failedReservationPause(Duration pause) {
            this.failedReservationPause = Objects.requireNonNull(pause, "pause");
            return this;
        }

        /** Rare: sets how many devices or reservations to ask for at once, 1 to 1000; 100 by default. */
        public Builder pageSize(int pageSize) {
            this.pageSize = pageSize;
            return this;
        }

        /** Rare: sets how many requests are under way at once, 1 to 100; 3 by default. */
        public Builder maxConcurrentCalls(int maxConcurrentCalls) {
            this.maxConcurrentCalls = maxConcurrentCalls;
            return this;
        }

        /** Rare: sets how many requests are sent a second at most, 1 to 10,000; 10 by default. */
        public Builder callsPerSecond(int callsPerSecond) {
            this.callsPerSecond = callsPerSecond;
            return this;
        }

        /** Rare: sets how long one request may take, 1 ms to 1 h; 30 s by default. */
        public Builder attemptTimeout(Duration timeout) {
            this.attemptTimeout = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /** Rare: sets how long a call may take with all its repetitions, 1 ms to 1 h; 2 minutes by default. */
        public Builder totalTimeout(Duration timeout) {
            this.totalTimeout = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /**
         * Rare: sets the most that is waited before the first repetition of a call, doubled for each further one, and
         * the most that is waited before any; 500 ms and 20 s by default. How much is waited is left to chance.
         */
        public Builder backoff(Duration initial, Duration maximum) {
            this.backoffInitial = Objects.requireNonNull(initial, "initial");
            this.backoffMaximum = Objects.requireNonNull(maximum, "maximum");
            return this;
        }

        Builder clock(Clock clock) {
            this.clock = clock;
            return this;
        }

        Builder ticker(Ticker ticker) {
            this.ticker = ticker;
            return this;
        }

        Builder random(RandomGenerator random) {
            this.random = random;
            return this;
        }

        CallSettings callSettings() {
            return new CallSettings(
                    attemptTimeout, totalTimeout, backoffInitial, backoffMaximum, callsPerSecond, maxConcurrentCalls);
        }

        /**
         * Makes the provider, and sees to it that the project has the SSH key.
         *
         * @throws ConfigurationException if a setting is missing or out of range; the message names it, as a property
         *     of {@link EquinixProviderFactory}
         * @throws ProviderException if the API cannot be reached, or does not let this token in
         * @throws InterruptedException if the thread is interrupted
         */
        public EquinixProvider build() throws InterruptedException {
            check();
            CallThreads threads = new CallThreads("shepherd-provider-" + type);
            boolean made = false;
            try {
                EquinixProvider provider = new EquinixProvider(this, threads);
                made = true;
                return provider;
            } finally {
                if (!made) {
                    threads.close();
                }
            }
        }

        private void check() {
            if (token.isEmpty() || !token.chars().allMatch(c -> c > ' ' && c < 127)) {
                throw new ConfigurationException(
                        "api-token", "the API token is empty, or has characters that no token has");
            }
            checkChosen("device-prefix", devicePrefix);
            if (!devicePrefix.matches("[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9.-])?") || devicePrefix.length() > 40) {
                throw new ConfigurationException(
                        "device-prefix",
                        "\"device-prefix\" begins a hostname: letters, digits, dots and dashes, at most 40, not \""
                                + devicePrefix + "\"");
            }
            if (projectKeys) {
                if (keyLabel != null || publicKey != null) {
                    throw new ConfigurationException(
                            "use-project-keys", "\"use-project-keys\" and an SSH key exclude one another");
                }
            } else {
                checkChosen("ssh-key-label", keyLabel == null ? "" : keyLabel);
                if (publicKey == null || !publicKey.matches("[a-z0-9@.-]+ [A-Za-z0-9+/]+=*( .*)?")) {
                    throw new ConfigurationException(
                            "ssh-public-key",
                            "the SSH key is not a public key in one line, such as ssh-ed25519 and its base64");
                }
            }
            checkChosen("operating-system", operatingSystem);
            String scheme = String.valueOf(endpoint.getScheme());
            if (!(scheme.equals("https") || scheme.equals("http"))
                    || endpoint.getHost() == null
                    || endpoint.getRawQuery() != null
                    || endpoint.getRawFragment() != null
                    || endpoint.getRawUserInfo() != null) {
                throw new ConfigurationException(
                        "endpoint", "\"endpoint\" must be an http: or https: URL of host and path, nothing else");
            }
            Checks.count("page-size", pageSize, 1, 1000);
            Checks.count("max-concurrent-calls", maxConcurrentCalls, 1, 100);
            Checks.count("calls-per-second", callsPerSecond, 1, 10_000);
            Checks.span("attempt-timeout", attemptTimeout, MIN_TIMEOUT, MAX_TIMEOUT);
            Checks.span("total-timeout", totalTimeout, MIN_TIMEOUT, MAX_TIMEOUT);
            Checks.span("backoff-initial", backoffInitial, MIN_TIMEOUT, MAX_TIMEOUT);
            Checks.span("backoff-maximum", backoffMaximum, MIN_TIMEOUT, MAX_TIMEOUT);
            Checks.span("reservation-cache", reservationCache, Duration.ZERO, MAX_PAUSE);
            Checks.span("failed-reservation-pause", failedReservationPause, Duration.ZERO, MAX_PAUSE);
        }

        private static void checkChosen(String property, String value) {
            if (value.isBlank() || value.contains(PLACEHOLDER)) {
                throw new ConfigurationException(
                        property,
                        "\"%s\" is %s: choose one of your own"
                                .formatted(property, value.isBlank() ? "empty" : "still \"" + value + "\""));
            }
        }
    }
}
