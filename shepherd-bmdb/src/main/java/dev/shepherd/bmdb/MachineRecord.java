package dev.shepherd.bmdb;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.hardware.Hardware;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * Everything that the database knows about one machine at one moment. Immutable, except the byte arrays in it, which
 * are the caller's own copies.
 *
 * @param machineId its id
 * @param createdAt when it was recorded
 * @param provided what its provider says of it
 * @param agentStarted when its agent was started, the agent's public key, and its executable
 * @param agentHeartbeatAt when its agent was last heard
 * @param hardwareReport the agent's last report on the hardware, as the agent wrote it; {@link #hardware} reads it
 * @param installationRequest the installation that was asked for
 * @param installationReport the last installation that was reported
 * @param sshHostKey the host key pinned at the first takeover, as in a known_hosts file
 * @param work the processes that hold it now
 * @param backoffs the processes that leave it alone for now
 * @param labels the labels in force, by key and in that order
 */
public record MachineRecord(
        UUID machineId,
        Instant createdAt,
        Optional<ProvidedMachine> provided,
        Optional<AgentStarted> agentStarted,
        Optional<Instant> agentHeartbeatAt,
        Optional<byte[]> hardwareReport,
        Optional<InstallationRequest> installationRequest,
        Optional<InstallationReport> installationReport,
        Optional<String> sshHostKey,
        List<ActiveWork> work,
        List<ActiveBackoff> backoffs,
        Map<String, Label> labels) {

    /** Copies the lists and the labels. */
    public MachineRecord {
        work = List.copyOf(work);
        backoffs = List.copyOf(backoffs);
        labels = Collections.unmodifiableMap(new TreeMap<>(labels));
    }

    /**
     * The AgentStarted tag.
     *
     * @param startedAt when
     * @param publicKey the agent's ed25519 public key, 32 bytes
     * @param build which executable it was started from; empty if the takeover did not say
     */
    @SuppressWarnings("ArrayRecordComponent") // These are read, never compared.
    public record AgentStarted(Instant startedAt, byte[] publicKey, Optional<AgentBuild> build) {}

    /**
     * An executable of an agent, by what is in it: two files with the same bytes are the same build.
     *
     * @param sha256 the SHA-256 of its bytes: 64 lower-case hexadecimal digits
     * @param version how it calls itself; printable ASCII, of 1 to 100 characters
     */
    public record AgentBuild(String sha256, Optional<String> version) {

        private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
        private static final Pattern VERSION = Pattern.compile("[!-~]([ -~]{0,98}[!-~])?");
        private static final int SHORT = 12;

        /**
         * Checks both.
         *
         * @throws IllegalArgumentException if one is not as said above
         */
        public AgentBuild {
            if (!SHA256.matcher(sha256).matches()) {
                throw new IllegalArgumentException(
                        "a SHA-256 has 64 lower-case hexadecimal digits, not " + Escaped.quoted(sha256, 100));
            }
            version.filter(text -> !VERSION.matcher(text).matches()).ifPresent(text -> {
                throw new IllegalArgumentException(
                        "a version is 1 to 100 printable ASCII characters, not " + Escaped.quoted(text, 100));
            });
        }

        /** Returns the version and the first 12 digits of the SHA-256, for people. */
        @Override
        public String toString() {
            String digits = sha256.substring(0, SHORT);
            return version.map(text -> text + " (" + digits + ")").orElse(digits);
        }
    }

    /**
     * The OSInstallationRequest tag.
     *
     * @param generation which request it is; each new one is one higher
     * @param raw the request itself, as the agent understands it
     */
    @SuppressWarnings("ArrayRecordComponent")
    public record InstallationRequest(long generation, byte[] raw) {}

    /**
     * The OSInstallationReport tag.
     *
     * @param generation the request that was carried out
     * @param result how it ended
     * @param raw the report itself
     */
    @SuppressWarnings("ArrayRecordComponent")
    public record InstallationReport(long generation, InstallationResult result, byte[] raw) {}

    /**
     * Work that is being done on the machine.
     *
     * @param process what is being done
     * @param sessionId by whom
     * @param startedAt since when
     */
    public record ActiveWork(WorkProcess process, UUID sessionId, Instant startedAt) {}

    /**
     * A process that leaves the machine alone for now.
     *
     * @param process which
     * @param until until when
     * @param kind the kind of the cause, as in {@link Work.Cause#kind()}
     * @param cause why
     * @param lastIntervalSeconds the current period, in seconds
     * @param losses how many pieces of work in a row were lost with their session; 0 if the last one had an end
     */
    public record ActiveBackoff(
            WorkProcess process, Instant until, String kind, String cause, long lastIntervalSeconds, int losses) {}

    /**
     * A label that is in force.
     *
     * @param value its value; may be empty
     * @param source who said so
     */
    public record Label(String value, Source source) {

        /** Who says what a label is, from the weakest to the strongest: under one key the strongest one's label counts. */
        public enum Source {
            /** The machine's provider. */
            PROVIDER("Provider"),
            /** A program, through {@link BmdbTransaction#changeLabels}. */
            PROGRAM("Program"),
            /** An operator. */
            OPERATOR("Operator");

            private final String databaseName;

            Source(String databaseName) {
                this.databaseName = databaseName;
            }

            /** Returns the name that the database has for it. */
            public String databaseName() {
                return databaseName;
            }

            /**
             * Returns the source with a name of the database's.
             *
             * @throws IllegalArgumentException if there is none
             */
            public static Source ofDatabaseName(String name) {
                return valueOf(name.toUpperCase(Locale.ROOT));
            }
        }
    }

    /** Reads the agent's last report on the hardware; empty if there is none. Each call reads it again. */
    public Optional<Hardware> hardware() {
        return hardwareReport.map(Hardware::read);
    }

    /** Tells whether the requested installation was reported as successful. */
    public boolean isInstallationFulfilled() {
        return installationRequest.isPresent()
                && installationReport.isPresent()
                && installationReport.get().result() == InstallationResult.SUCCESS
                && installationReport.get().generation()
                        == installationRequest.get().generation();
    }
}
