package dev.shepherd.provider.redfish;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.internal.SecretFiles;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The users and passwords of BMCs, by name: from a file, or else from the environment. They are read whenever they are
 * needed, so that a changed password needs no restart. No message has anything of a line but its number and its name.
 */
final class Credentials {

    /** The name that an entry without a name means. */
    static final String DEFAULT = "default";

    private static final String USER = "SHEPHERD_BMC_USER";
    private static final String PASSWORD = "SHEPHERD_BMC_PASSWORD";

    /** A password may have blanks in it. */
    private static final Pattern LINE = Pattern.compile("(\\S+)\\s+([^\\s:]+)\\s+(\\S|\\S.*\\S)");

    /** A user and a password. */
    record Login(String user, String password) {

        /** Returns the user alone. */
        @Override
        public String toString() {
            return "Login[" + user + "]";
        }
    }

    private final @Nullable Path file;
    private final UnaryOperator<@Nullable String> environment;

    Credentials(@Nullable Path file, UnaryOperator<@Nullable String> environment) {
        this.file = file;
        this.environment = environment;
    }

    /**
     * Reads the file, to find mistakes early.
     *
     * @throws ConfigurationException if it cannot be used
     */
    void check() {
        try {
            read();
        } catch (BadFileException e) {
            throw new ConfigurationException(RedfishProviderFactory.CREDENTIALS, e.getMessage(), null);
        }
    }

    /**
     * Finds a user and a password.
     *
     * @throws ProviderException with {@link Reason#UNAUTHENTICATED} if there are none of this name; with {@link
     *     Reason#PERMANENT}, of the whole provider, if the file can no longer be used
     */
    Login find(String name) {
        Login found;
        try {
            found = read().get(name);
        } catch (BadFileException e) {
            throw ProviderException.builder(Reason.PERMANENT, e.getMessage())
                    .scope(Scope.PROVIDER)
                    .build();
        }
        if (found != null) {
            return found;
        }
        String suffix =
                name.equals(DEFAULT) ? "" : "_" + name.toUpperCase(Locale.ROOT).replaceAll("[^A-Z0-9]", "_");
        String user = environment.apply(USER + suffix);
        String password = environment.apply(PASSWORD + suffix);
        if (user == null || user.isBlank() || user.indexOf(':') >= 0 || password == null || password.isEmpty()) {
            throw ProviderException.builder(
                            Reason.UNAUTHENTICATED,
                            "there is no user and password of the name \"" + name + "\": neither "
                                    + (file == null ? "is there a credentials file" : "in " + file) + ", nor are "
                                    + USER + suffix + " and " + PASSWORD + suffix + " set")
                    .scope(Scope.MACHINE)
                    .build();
        }
        return new Login(user, password);
    }

    /** The file cannot be used; the message says why, and shows none of it. */
    private static final class BadFileException extends Exception {

        private static final long serialVersionUID = 1L;

        BadFileException(String message) {
            super(message);
        }

        @Override
        public String getMessage() {
            return String.valueOf(super.getMessage());
        }
    }

    private Map<String, Login> read() throws BadFileException {
        Path path = file;
        if (path == null) {
            return Map.of();
        }
        Map<String, Login> logins = new HashMap<>();
        int number = 0;
        for (String line : lines(path)) {
            number++;
            String text = line.strip();
            if (text.isEmpty() || text.startsWith("#")) {
                continue;
            }
            Matcher parts = LINE.matcher(text);
            if (!parts.matches()) {
                throw new BadFileException("the credentials file " + path + ", line " + number
                        + ": a line has a name, a user without a colon, and a password");
            }
            if (logins.put(parts.group(1), new Login(parts.group(2), parts.group(3))) != null) {
                throw new BadFileException(
                        "the credentials file " + path + ", line " + number + ": this name stands there twice");
            }
        }
        return logins;
    }

    private static Iterable<String> lines(Path path) throws BadFileException {
        try {
            checkPermissions(path);
            return Files.readAllLines(path);
        } catch (NoSuchFileException e) {
            throw new BadFileException("the credentials file " + path + " does not exist");
        } catch (AccessDeniedException e) {
            throw new BadFileException("the credentials file " + path + " cannot be read: access is denied");
        } catch (CharacterCodingException e) {
            throw new BadFileException("the credentials file " + path + " is not UTF-8");
        } catch (IOException e) {
            throw new BadFileException("the credentials file " + path + " cannot be read: "
                    + e.getClass().getSimpleName());
        }
    }

    private static void checkPermissions(Path path) throws IOException, BadFileException {
        Optional<String> open = SecretFiles.openPermissions(path);
        if (open.isPresent()) {
            throw new BadFileException("the credentials file " + path + " is open to others than its owner ("
                    + open.get() + "); chmod 600 " + path + " closes it");
        }
        if (!Files.isRegularFile(path)) {
            throw new BadFileException("the credentials file " + path + " is not a regular file");
        }
    }
}
