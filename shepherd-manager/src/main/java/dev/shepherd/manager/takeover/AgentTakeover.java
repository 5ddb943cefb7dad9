package dev.shepherd.manager.takeover;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.manager.takeover.ssh.Ssh;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes machines over by SSH: uploads the agent executable, runs it, tells it who it is, and checks its answer.
 *
 * <p>Each takeover has its own connection, and its own threads that end with it; between takeovers there are none, so
 * there is nothing to close. Immutable and thread-safe: one instance serves any number of takeovers at once.
 *
 * <p>Cryptography is the JDK's, unless BouncyCastle is on the class path: then the SSH library registers it for the
 * whole JVM and uses it, except after {@code SecurityUtils.setRegisterBouncyCastle(false)}.
 *
 * <p>Made with {@link #builder()}. Essential settings are the executable, the endpoint and the credentials.
 */
public final class AgentTakeover implements MachineTakeover {

    private static final Logger log = LoggerFactory.getLogger(AgentTakeover.class);

    /** The default place of the executable on machines. */
    public static final String DEFAULT_REMOTE_PATH = "/root/agent";

    /** The default user to log in as. */
    public static final String DEFAULT_USER = "root";

    /** The default limit for connecting. */
    public static final Duration DEFAULT_CONNECT_TIMEOUT = Duration.ofSeconds(2);

    /** The default limit for a whole takeover. */
    public static final Duration DEFAULT_TOTAL_TIMEOUT = Duration.ofSeconds(60);

    /** The default limit on what an agent may write to stdout, and to stderr: 1 MiB. */
    public static final int DEFAULT_MAX_OUTPUT = 1 << 20;

    final AgentExecutable executable;
    final String endpoint;
    final SshCredentials credentials;
    final byte[] caCertificate;
    final String user;
    final String remotePath;
    final HostKeyPolicy hostKeyPolicy;
    final Duration connectTimeout;
    final Duration totalTimeout;
    final int maxStdout;
    final int maxStderr;
    final @Nullable ThreadFactory threadFactory;
    final Ssh ssh = new Ssh();

    private AgentTakeover(Builder builder) {
        this.executable = Checks.present("executable", builder.executable, "a takeover needs what to upload and run");
        this.endpoint = Checks.present("endpoint", builder.endpoint, "a takeover needs where agents report to");
        this.credentials = Checks.present("credentials", builder.credentials, "a takeover needs what to log in with");
        this.caCertificate = builder.caCertificate == null ? new byte[0] : CaCertificate.der(builder.caCertificate);
        this.user = builder.user;
        this.remotePath = builder.remotePath;
        this.hostKeyPolicy = builder.hostKeyPolicy;
        this.connectTimeout = builder.connectTimeout;
        this.totalTimeout = builder.totalTimeout;
        this.maxStdout = builder.maxStdout;
        this.maxStderr = builder.maxStderr;
        this.threadFactory = builder.threadFactory;
        if (hostKeyPolicy == HostKeyPolicy.ACCEPT_ANY) {
            log.warn(
                    "takeovers accept any SSH host key: an attacker who intercepts a connection can pose as a machine");
        }
    }

    /** Starts the settings of takeovers. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Takes one machine over. Blocks for at most the total timeout, and a moment to clean up. In any case, the
     * connection is closed and its threads have ended then.
     *
     * <p>A machine may be taken over again at any time: its executable is replaced, the agent run once more.
     *
     * @param target the machine
     * @return what the agent answered, and the host key to pin
     * @throws TakeoverException if it failed; {@link TakeoverException#kind()} says how
     * @throws InterruptedException if the thread is interrupted, at whatever step; the connection is closed first
     */
    @Override
    public TakeoverResult takeover(TakeoverTarget target) throws InterruptedException {
        return new Attempt(this, Objects.requireNonNull(target, "target")).run();
    }

    /** Returns the settings that are no secrets. */
    @Override
    public String toString() {
        return "AgentTakeover[%s to %s, as %s with %s, host keys %s, at most %s]"
                .formatted(executable, remotePath, user, credentials, hostKeyPolicy, totalTimeout);
    }

    /** Collects the settings of takeovers. Not safe for several threads. */
    public static final class Builder {

        private static final Duration MIN_TIMEOUT = Duration.ofMillis(1);
        private static final Duration MAX_TIMEOUT = Duration.ofDays(1);
        private static final int MIN_OUTPUT = 1 << 10;
        private static final int MAX_OUTPUT = 1 << 26;
        private static final int MAX_CA_CERTIFICATE = 1 << 20;
        private static final int MAX_REMOTE_PATH = 1024;

        private @Nullable AgentExecutable executable;
        private @Nullable String endpoint;
        private @Nullable SshCredentials credentials;
        private byte @Nullable [] caCertificate;
        private String user = DEFAULT_USER;
        private String remotePath = DEFAULT_REMOTE_PATH;
        private HostKeyPolicy hostKeyPolicy = HostKeyPolicy.PIN;
        private Duration connectTimeout = DEFAULT_CONNECT_TIMEOUT;
        private Duration totalTimeout = DEFAULT_TOTAL_TIMEOUT;
        private int maxStdout = DEFAULT_MAX_OUTPUT;
        private int maxStderr = DEFAULT_MAX_OUTPUT;
        private @Nullable ThreadFactory threadFactory;

        private Builder() {}

        /**
         * Sets the file that is uploaded and run. Essential, as this or {@link #executable(AgentExecutable)}.
         *
         * @param path the file; read afresh by each takeover
         */
        public Builder executable(Path path) {
            return executable(AgentExecutable.file(path));
        }

        /** Sets what is uploaded and run. Essential, as this or {@link #executable(Path)}. */
        public Builder executable(AgentExecutable executable) {
            this.executable = Objects.requireNonNull(executable, "executable");
            return this;
        }

        /**
         * Sets where agents report to, as they are told in the init message. Essential.
         *
         * @param endpoint any text that the agent understands, not blank
         */
        public Builder endpoint(String endpoint) {
            this.endpoint = Objects.requireNonNull(endpoint, "endpoint");
            return this;
        }

        /** Sets what to log in with. Essential. */
        public Builder credentials(SshCredentials credentials) {
            this.credentials = Objects.requireNonNull(credentials, "credentials");
            return this;
        }

        /**
         * Sets the certificate that agents verify the endpoint with, as they are told in the init message: in DER,
         * however it is given here. Common; none by default. That it is one is checked in {@link #build()}.
         *
         * @param caCertificate exactly one X.509 certificate, in PEM or DER, at most 1 MiB; copied
         */
        public Builder caCertificate(byte[] caCertificate) {
            this.caCertificate = caCertificate.clone();
            return this;
        }

        /**
         * Sets who logs in. Common; {@value #DEFAULT_USER} by default.
         *
         * @param user the name of an account on the machines that may write the remote path, not blank
         */
        public Builder user(String user) {
            this.user = Objects.requireNonNull(user, "user");
            return this;
        }

        /**
         * Sets where on the machines the executable is put, replacing what is there, even if it runs. Common; {@value
         * #DEFAULT_REMOTE_PATH} by default.
         *
         * @param remotePath an absolute path of a file in an existing folder; unusual characters are allowed, except
         *     control characters; at most 1024 characters
         */
        public Builder remotePath(String remotePath) {
            this.remotePath = Objects.requireNonNull(remotePath, "remotePath");
            return this;
        }

        /** Sets what is done about host keys. Common; {@link HostKeyPolicy#PIN} by default. */
        public Builder hostKeyPolicy(HostKeyPolicy hostKeyPolicy) {
            this.hostKeyPolicy = Objects.requireNonNull(hostKeyPolicy, "hostKeyPolicy");
            return this;
        }

        /**
         * Sets how long connecting may take, until TCP is open. Common; 2 seconds by default.
         *
         * @param connectTimeout from 1 millisecond to 1 day
         */
        public Builder connectTimeout(Duration connectTimeout) {
            this.connectTimeout = Objects.requireNonNull(connectTimeout, "connectTimeout");
            return this;
        }

        /**
         * Sets how long a takeover may take from its first step to its last, the agent's run included. Common; 60
         * seconds by default.
         *
         * @param totalTimeout from 1 millisecond to 1 day
         */
        public Builder totalTimeout(Duration totalTimeout) {
            this.totalTimeout = Objects.requireNonNull(totalTimeout, "totalTimeout");
            return this;
        }

        /**
         * Sets how much an agent may write to its standard output; more is a {@link
         * TakeoverException.Kind#BAD_ANSWER}. Rare; 1 MiB by default.
         *
         * @param bytes from 1 KiB to 64 MiB; each takeover may need twice as much memory
         */
        public Builder maxStdout(int bytes) {
            this.maxStdout = bytes;
            return this;
        }

        /**
         * Sets how much an agent may write to its standard error; more ends the takeover as {@link
         * TakeoverException.Kind#AGENT_FAILED}. Only the last 4 KiB are kept. Rare; 1 MiB by default.
         *
         * @param bytes from 1 KiB to 64 MiB
         */
        public Builder maxStderr(int bytes) {
            this.maxStderr = bytes;
            return this;
        }

        /**
         * Sets what makes the thread that each takeover works on while its caller waits. Rare; daemon threads named
         * after the machine by default. The SSH library makes one more on its own.
         *
         * @param threadFactory makes a thread per call
         */
        public Builder threadFactory(ThreadFactory threadFactory) {
            this.threadFactory = Objects.requireNonNull(threadFactory, "threadFactory");
            return this;
        }

        /**
         * Makes the takeovers.
         *
         * @throws ConfigurationException if an essential setting is missing, a value is out of its range, or the CA
         *     certificate is not exactly one X.509 certificate
         */
        public AgentTakeover build() {
            Checks.that("endpoint", endpoint == null || !endpoint.isBlank(), "a text", "blank");
            Checks.that("user", !user.isBlank(), "the name of an account", "blank");
            Checks.that(
                    "remotePath",
                    isFile(remotePath),
                    "the absolute path of a file, of at most " + MAX_REMOTE_PATH + " characters",
                    Escaped.quoted(remotePath, MAX_REMOTE_PATH));
            if (caCertificate != null) {
                Checks.that(
                        "caCertificate",
                        caCertificate.length <= MAX_CA_CERTIFICATE,
                        "of at most " + MAX_CA_CERTIFICATE + " bytes",
                        caCertificate.length);
            }
            Checks.span("connectTimeout", connectTimeout, MIN_TIMEOUT, MAX_TIMEOUT);
            Checks.span("totalTimeout", totalTimeout, MIN_TIMEOUT, MAX_TIMEOUT);
            Checks.bytes("maxStdout", maxStdout, MIN_OUTPUT, MAX_OUTPUT);
            Checks.bytes("maxStderr", maxStderr, MIN_OUTPUT, MAX_OUTPUT);
            return new AgentTakeover(this);
        }

        private static boolean isFile(String path) {
            return path.startsWith("/")
                    && !path.endsWith("/")
                    && !path.endsWith("/.")
                    && !path.endsWith("/..")
                    && path.length() <= MAX_REMOTE_PATH
                    && path.chars().noneMatch(Character::isISOControl);
        }
    }
}
