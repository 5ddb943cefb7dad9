package dev.shepherd.bmdb.agent;

import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.MachineRecord.InstallationReport;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What an agent says in one call: that it is alive, and what it has to report. Immutable; what is given to it and what
 * it returns are copies.
 *
 * <pre>{@code
 * AgentCall.of(machineId, publicKey).withHardwareReport(report)
 * }</pre>
 */
public final class AgentCall {

    private static final int KEY_BYTES = 32;

    private final UUID machineId;
    private final byte[] publicKey;
    private final @Nullable Instant signedTime;
    private final byte @Nullable [] hardwareReport;
    private final @Nullable InstallationReport installationReport;

    private AgentCall(
            UUID machineId,
            byte[] publicKey,
            @Nullable Instant signedTime,
            byte @Nullable [] hardwareReport,
            @Nullable InstallationReport installationReport) {
        this.machineId = machineId;
        this.publicKey = publicKey;
        this.signedTime = signedTime;
        this.hardwareReport = hardwareReport;
        this.installationReport = installationReport;
    }

    /**
     * Makes a call that is a heartbeat and nothing else.
     *
     * @param machineId the machine that the agent runs on
     * @param publicKey the agent's ed25519 public key, 32 bytes. The caller has checked that the agent holds the
     *     private one
     */
    public static AgentCall of(UUID machineId, byte[] publicKey) {
        Objects.requireNonNull(machineId, "machineId");
        if (publicKey.length != KEY_BYTES) {
            throw new IllegalArgumentException("an ed25519 public key has 32 bytes, not " + publicKey.length);
        }
        return new AgentCall(machineId, publicKey.clone(), null, null, null);
    }

    /**
     * Adds when the agent signed the call, by its own clock; for transports over which a call could be repeated. Of such
     * calls with one key, each is accepted only if it was signed later than the last one that was, in whichever process:
     * else it fails with {@link AgentCallException.Reason#REPLAYED}.
     *
     * @param time cut to milliseconds
     */
    public AgentCall withSignedTime(Instant time) {
        return new AgentCall(
                machineId, publicKey, time.truncatedTo(ChronoUnit.MILLIS), hardwareReport, installationReport);
    }

    /** Adds a report on the machine's hardware, which takes the place of the one before. */
    public AgentCall withHardwareReport(byte[] raw) {
        return new AgentCall(machineId, publicKey, signedTime, raw.clone(), installationReport);
    }

    /**
     * Adds a report on an installation, which takes the place of the one before.
     *
     * @param generation the request that was carried out
     * @param result how it ended
     * @param raw the report itself
     */
    public AgentCall withInstallationReport(long generation, InstallationResult result, byte[] raw) {
        Objects.requireNonNull(result, "result");
        return new AgentCall(
                machineId,
                publicKey,
                signedTime,
                hardwareReport,
                new InstallationReport(generation, result, raw.clone()));
    }

    /** Returns the machine that the agent runs on. */
    public UUID machineId() {
        return machineId;
    }

    /** Returns the agent's public key. */
    public byte[] publicKey() {
        return publicKey.clone();
    }

    /** Returns when the agent signed the call, if it did, in whole milliseconds. */
    public Optional<Instant> signedTime() {
        return Optional.ofNullable(signedTime);
    }

    /** Returns the report on the hardware, if there is one. */
    public Optional<byte[]> hardwareReport() {
        return Optional.ofNullable(hardwareReport).map(byte[]::clone);
    }

    /** Returns the report on an installation, if there is one. */
    public Optional<InstallationReport> installationReport() {
        return Optional.ofNullable(installationReport)
                .map(report -> new InstallationReport(
                        report.generation(), report.result(), report.raw().clone()));
    }

    /** Returns the key itself, for callers that do not change it. */
    byte[] key() {
        return publicKey;
    }

    boolean hasReports() {
        return hardwareReport != null || installationReport != null;
    }

    /** Describes the call without its contents. */
    @Override
    public String toString() {
        return "AgentCall{" + machineId
                + (hardwareReport == null ? "" : ", hardware report of " + hardwareReport.length + " bytes")
                + (installationReport == null
                        ? ""
                        : ", installation " + installationReport.generation() + " "
                                + installationReport.result().databaseName())
                + "}";
    }
}
