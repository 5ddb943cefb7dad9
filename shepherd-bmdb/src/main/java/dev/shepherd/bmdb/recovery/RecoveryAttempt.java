package dev.shepherd.bmdb.recovery;

import dev.shepherd.bmdb.RecoveryAction;
import dev.shepherd.bmdb.RecoveryState;
import java.util.Optional;
import java.util.UUID;

/**
 * An attempt to bring a machine back that has begun, with all that is needed to take it back if the provider refuses
 * it. Immutable.
 *
 * @see Recoveries#begin
 */
public final class RecoveryAttempt {

    private final UUID machineId;
    private final RecoveryAction action;
    private final Optional<RecoveryState> before;
    private final RecoveryState counted;
    private final WipedTags wiped;

    RecoveryAttempt(
            UUID machineId,
            RecoveryAction action,
            Optional<RecoveryState> before,
            RecoveryState counted,
            WipedTags wiped) {
        this.machineId = machineId;
        this.action = action;
        this.before = before;
        this.counted = counted;
        this.wiped = wiped;
    }

    /** Returns the machine's id. */
    public UUID machineId() {
        return machineId;
    }

    /** Returns what is being done to it. */
    public RecoveryAction action() {
        return action;
    }

    /** Returns what had been tried before; empty if nothing had. */
    Optional<RecoveryState> before() {
        return before;
    }

    /** Returns what of that counts against the machine. */
    RecoveryState counted() {
        return counted;
    }

    /** Returns what a reinstallation has taken from the machine's record. */
    WipedTags wiped() {
        return wiped;
    }

    /** Names the machine and the action. */
    @Override
    public String toString() {
        return action + " of machine " + machineId;
    }
}
