package dev.shepherd.bmdb;

import java.time.Instant;
import java.util.Optional;

/**
 * What was tried to recover a machine. Immutable.
 *
 * @param action what was tried last
 * @param attemptedAt when the provider was called for it, or the agent was given up
 * @param underWay whether that has yet to end. If no session works on the machine, the attempt was cut short, and it is
 *     unknown whether the provider was called
 * @param attempts how many reboots, or restarts of the agent, there were since it was heard last
 * @param reinstalls how many reinstallations there were since it was heard last
 * @param failedCalls how many calls the provider failed since one succeeded
 * @param provedAt when its agent was heard again; empty while it is in recovery
 */
public record RecoveryState(
        RecoveryAction action,
        Instant attemptedAt,
        boolean underWay,
        int attempts,
        int reinstalls,
        int failedCalls,
        Optional<Instant> provedAt) {

    /** Returns the state of a machine for which nothing was tried yet. */
    public static RecoveryState none() {
        return new RecoveryState(RecoveryAction.AGENT_RESTART, Instant.EPOCH, false, 0, 0, 0, Optional.empty());
    }

    /** Tells whether there was an attempt, and the machine has not been heard since. */
    public boolean isOpen() {
        return provedAt.isEmpty();
    }

    /** Returns what counts against the machine now: all, unless it was back for long enough. */
    public RecoveryState counted(RecoveryPolicy policy, Instant now) {
        boolean over = provedAt.isPresent() && !now.isBefore(provedAt.get().plus(policy.relapseAfter()));
        return over ? none() : this;
    }

    /**
     * Returns what is to be done next.
     *
     * @param canReboot whether the provider is able to reboot at all
     */
    public RecoveryAction next(RecoveryPolicy policy, boolean canReboot) {
        if (failedCalls >= policy.maxFailedCalls()) {
            return RecoveryAction.QUARANTINE;
        }
        if (attempts < policy.maxReboots()) {
            return canReboot ? RecoveryAction.REBOOT : RecoveryAction.AGENT_RESTART;
        }
        boolean reinstall = canReboot && policy.reinstallAllowed() && reinstalls < policy.maxReinstalls();
        return reinstall ? RecoveryAction.REINSTALL : RecoveryAction.QUARANTINE;
    }
}
