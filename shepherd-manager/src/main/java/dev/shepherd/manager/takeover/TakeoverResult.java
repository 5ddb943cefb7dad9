package dev.shepherd.manager.takeover;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;

/** A machine that was taken over: its agent runs. Immutable. */
public final class TakeoverResult {

    private final UUID machineId;
    private final byte[] agentKey;
    private final String hostKey;
    private final List<String> warnings;
    private final Map<TakeoverStep, Duration> durations;
    private final Optional<AgentBuild> build;

    /**
     * Makes the result of a takeover that does not say which executable it started.
     *
     * @param machineId the machine's id in the bare metal database
     * @param agentKey the agent's public key: the 32 bytes of an ed25519 point
     * @param hostKey the host key to pin: type and base64, as in OpenSSH's public key files; recorded without a comment
     * @param warnings what the agent warned of
     * @param durations how long each step took
     */
    public TakeoverResult(
            UUID machineId,
            byte[] agentKey,
            String hostKey,
            List<String> warnings,
            Map<TakeoverStep, Duration> durations) {
        this(machineId, agentKey, hostKey, warnings, durations, Optional.empty());
    }

    private TakeoverResult(
            UUID machineId,
            byte[] agentKey,
            String hostKey,
            List<String> warnings,
            Map<TakeoverStep, Duration> durations,
            Optional<AgentBuild> build) {
        this.machineId = Objects.requireNonNull(machineId, "machineId");
        this.agentKey = agentKey.clone();
        this.hostKey = Objects.requireNonNull(hostKey, "hostKey");
        this.warnings = List.copyOf(warnings);
        Map<TakeoverStep, Duration> ordered = new EnumMap<>(TakeoverStep.class);
        ordered.putAll(durations);
        this.durations = Collections.unmodifiableMap(ordered);
        this.build = build;
    }

    /** Returns the same result with the executable that was started, which is recorded with the agent's key. */
    public TakeoverResult withBuild(AgentBuild build) {
        return new TakeoverResult(machineId, agentKey, hostKey, warnings, durations, Optional.of(build));
    }

    /** Returns the machine's id in the bare metal database. */
    public UUID machineId() {
        return machineId;
    }

    /** Returns a copy of the agent's public key: the 32 bytes of an ed25519 point. */
    public byte[] agentKey() {
        return agentKey.clone();
    }

    /**
     * Returns the machine's host key, to be named in the next {@link TakeoverTarget}: type and base64, as in
     * OpenSSH's public key files.
     */
    public String hostKey() {
        return hostKey;
    }

    /** Returns what the agent warned of, with control characters escaped. Comes from the machine: not to be trusted. */
    public List<String> warnings() {
        return warnings;
    }

    /** Returns how long each step took, in the order of the steps. */
    public Map<TakeoverStep, Duration> durations() {
        return durations;
    }

    /** Returns which executable was started, if the takeover says so. */
    public Optional<AgentBuild> build() {
        return build;
    }

    /** Returns how long the whole takeover took. */
    public Duration elapsed() {
        return durations.values().stream().reduce(Duration.ZERO, Duration::plus);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof TakeoverResult result
                && machineId.equals(result.machineId)
                && Arrays.equals(agentKey, result.agentKey)
                && hostKey.equals(result.hostKey)
                && warnings.equals(result.warnings)
                && durations.equals(result.durations)
                && build.equals(result.build);
    }

    @Override
    public int hashCode() {
        return Objects.hash(machineId, Arrays.hashCode(agentKey), hostKey, Escaped.text(warnings), durations, build);
    }

    @Override
    public String toString() {
        return "TakeoverResult[machine %s, agent key %s, host key %s, warnings %s, durations %s, build %s]"
                .formatted(
                        machineId,
                        HexFormat.of().formatHex(agentKey),
                        hostKey,
                        Escaped.text(warnings),
                        durations,
                        build.map(AgentBuild::toString).orElse("unknown"));
    }
}
