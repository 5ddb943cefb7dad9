package dev.shepherd.spring.boot;

import static dev.shepherd.spring.boot.Setting.set;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.labels.LabelLimit;
import dev.shepherd.spring.boot.ShepherdProperties.BackoffProperties;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.NestedConfigurationProperty;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * When machines are recovered, and within which limits.
 *
 * @param maxShare Share of a provider's machines, and of each location's, in recovery at once.
 * @param maxPerProvider Machines of a provider in recovery at once.
 * @param maxPerLocation Machines of one location in recovery at once.
 * @param labelLimits Machines in recovery at once of those that labels make one group, such as '1 of raft-group'.
 * @param maxReboots Reboots without a heartbeat.
 * @param reinstallAllowed Whether machines that reboots do not bring back are reinstalled; what is on their disks may be
 *     lost.
 * @param freezeShare Share of agents that must fall silent together for recovery to freeze.
 * @param silentAfterHeartbeat Silence after a heartbeat before a machine is recovered.
 * @param silentAfterStart Silence after the agent's start before a machine is recovered.
 * @param heartbeatInterval How often agents send a heartbeat.
 * @param cooldown Time between two attempts on one machine.
 * @param bootTime How long the initializer leaves a rebooted machine alone.
 * @param backoff How long recovery leaves a machine alone after an attempt.
 * @param freezeMinimum Agents that must fall silent together, at least, for a freeze.
 * @param freezeSpan Within what span that is together.
 * @param freezeReleaseAfter How long heartbeats must be back before a freeze ends on its own.
 * @param unreachableAttempts Takeovers in a row that must fail to reach a machine before it is recovered.
 * @param stuckAfter How long a recovered machine may be without an agent.
 * @param maxReinstalls Reinstallations without a heartbeat.
 * @param maxFailedCalls Calls for a machine that the provider failed before it is quarantined.
 * @param relapseAfter Within what time a relapse continues the count of attempts.
 */
record RecoveryProperties(
        @Nullable Double maxShare,
        @Nullable Integer maxPerProvider,
        @Nullable Integer maxPerLocation,
        @Nullable List<String> labelLimits,
        @Nullable Integer maxReboots,
        @Nullable Boolean reinstallAllowed,
        @Nullable Double freezeShare,
        @Nullable Duration silentAfterHeartbeat,
        @Nullable Duration silentAfterStart,
        @Nullable Duration heartbeatInterval,
        @Nullable Duration cooldown,
        @Nullable Duration bootTime,
        @NestedConfigurationProperty @DefaultValue BackoffProperties backoff,
        @Nullable Integer freezeMinimum,
        @Nullable Duration freezeSpan,
        @Nullable Duration freezeReleaseAfter,
        @Nullable Integer unreachableAttempts,
        @Nullable Duration stuckAfter,
        @Nullable Integer maxReinstalls,
        @Nullable Integer maxFailedCalls,
        @Nullable Duration relapseAfter) {

    /** Sets all but the backoff, which takes all layers at once. */
    void applyTo(RecoveryPolicy.Builder policy) {
        set(maxShare, policy::maxShare);
        set(maxPerProvider, policy::maxPerProvider);
        set(maxPerLocation, policy::maxPerLocation);
        set(
                labelLimits,
                texts -> policy.labelLimits(
                        texts.stream().map(RecoveryProperties::labelLimit).toList()));
        set(maxReboots, policy::maxReboots);
        set(reinstallAllowed, policy::reinstallAllowed);
        set(freezeShare, policy::freezeShare);
        set(silentAfterHeartbeat, policy::silentAfterHeartbeat);
        set(silentAfterStart, policy::silentAfterStart);
        set(heartbeatInterval, policy::heartbeatInterval);
        set(cooldown, policy::cooldown);
        set(bootTime, policy::bootTime);
        set(freezeMinimum, policy::freezeMinimum);
        set(freezeSpan, policy::freezeSpan);
        set(freezeReleaseAfter, policy::freezeReleaseAfter);
        set(unreachableAttempts, policy::unreachableAttempts);
        set(stuckAfter, policy::stuckAfter);
        set(maxReinstalls, policy::maxReinstalls);
        set(maxFailedCalls, policy::maxFailedCalls);
        set(relapseAfter, policy::relapseAfter);
    }

    private static LabelLimit labelLimit(String text) {
        try {
            return LabelLimit.parse(text);
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException("labelLimits", String.valueOf(e.getMessage()), e);
        }
    }
}
