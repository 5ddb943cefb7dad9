package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.HostKeyPolicy;
import dev.shepherd.manager.takeover.SshCredentials;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Collects how agents are started. */
final class AgentSettings {

    private final AgentTakeover.Builder takeover = AgentTakeover.builder();
    private final Defaults defaults;
    private boolean hasExecutable;
    private @Nullable String endpoint;
    private boolean hasCaCertificate;
    private @Nullable Credentials credentials;

    /** What holds where nothing is said. */
    interface Defaults {

        /** Knows nothing. */
        Defaults NONE = new Defaults() {
            @Override
            public String endpoint() {
                throw new ConfigurationException("endpoint", "where agents report to is missing");
            }

            @Override
            public Optional<SshCredentials> credentials() {
                return Optional.empty();
            }
        };

        /** Returns where agents report to, or throws a {@link ConfigurationException} that says what to give. */
        String endpoint();

        /**
         * Checks where agents are to report to.
         *
         * @throws ConfigurationException if that cannot be
         */
        default void check(String endpoint) {}

        /** Returns what agents verify the endpoint with, if that need not be said. */
        default Optional<byte[]> caCertificate() {
            return Optional.empty();
        }

        /** Returns what to log in with, if that need not be said. */
        Optional<SshCredentials> credentials();
    }

    AgentSettings(Defaults defaults) {
        this.defaults = defaults;
    }

    void executable(Path file) {
        if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
            throw new ConfigurationException("executable", "executable: " + file + " is not a file that can be read");
        }
        hasExecutable = true;
        takeover.executable(file);
    }

    void endpoint(String text) {
        defaults.check(text);
        this.endpoint = text;
    }

    void credentials(Credentials value) {
        this.credentials = value;
    }

    void user(String name) {
        takeover.user(name);
    }

    void remotePath(String path) {
        takeover.remotePath(path);
    }

    void hostKeyPolicy(HostKeyPolicy policy) {
        takeover.hostKeyPolicy(policy);
    }

    void caCertificate(byte[] certificate) {
        hasCaCertificate = true;
        takeover.caCertificate(certificate);
    }

    void connectTimeout(Duration limit) {
        takeover.connectTimeout(limit);
    }

    void totalTimeout(Duration limit) {
        takeover.totalTimeout(limit);
    }

    void maxStdout(int bytes) {
        takeover.maxStdout(bytes);
    }

    void maxStderr(int bytes) {
        takeover.maxStderr(bytes);
    }

    AgentTakeover build() {
        if (!hasExecutable) {
            throw new ConfigurationException("executable", "executable is missing: the agent's executable");
        }
        takeover.endpoint(endpoint == null ? defaults.endpoint() : endpoint);
        if (!hasCaCertificate) {
            defaults.caCertificate().ifPresent(takeover::caCertificate);
        }
        SshCredentials login = credentials != null
                ? credentials.build()
                : defaults.credentials()
                        .orElseThrow(() -> new ConfigurationException(
                                "credentials", "credentials is missing: what to log in with, a key or a password"));
        return takeover.credentials(login).build();
    }

    /** What to log in with. */
    static final class Credentials {
        private @Nullable Path key;
        private char @Nullable [] keyPassphrase;
        private char @Nullable [] password;

        void key(Path file) {
            this.key = file;
        }

        void keyPassphrase(String secret) {
            this.keyPassphrase = secret.toCharArray();
        }

        void password(String secret) {
            this.password = secret.toCharArray();
        }

        Credentials checked() {
            if ((key == null) == (password == null)) {
                throw new ConfigurationException(
                        password == null ? "key" : "password",
                        "log in with either a key or a password" + (key == null ? "; neither is given" : ""));
            }
            if (key == null && keyPassphrase != null) {
                throw new ConfigurationException("keyPassphrase", "keyPassphrase goes with key, which is not given");
            }
            build();
            return this;
        }

        SshCredentials build() {
            if (password != null) {
                return SshCredentials.password(password);
            }
            Path file = java.util.Objects.requireNonNull(key);
            char[] passphrase = keyPassphrase;
            // A key that was named is not generated: if the name is mistyped, no machine would accept it.
            if (!Files.exists(file)) {
                throw OptionFile.missing("key", file, null);
            }
            try {
                return passphrase == null
                        ? SshCredentials.privateKey(file)
                        : SshCredentials.privateKey(file, passphrase);
            } catch (IllegalArgumentException e) {
                throw new ConfigurationException("key", "key: " + e.getMessage(), e);
            } catch (ConfigurationException e) {
                throw e.property().isPresent() ? e : new ConfigurationException("key", "key: " + e.getMessage(), e);
            }
        }
    }
}
