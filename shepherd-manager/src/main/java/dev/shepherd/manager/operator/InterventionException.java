package dev.shepherd.manager.operator;

import dev.shepherd.api.ShepherdException;
import dev.shepherd.manager.Shepherd;
import java.util.UUID;

/** A machine was not rebooted or reinstalled though an operator asked for it. The provider was not called. */
public final class InterventionException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    /** Why not. */
    public enum Reason {
        /** The database has no such machine. */
        UNKNOWN_MACHINE,
        /** The machine has no provider, or one that this {@link Shepherd} was not built with. */
        OTHER_PROVIDER,
        /** The provider is no {@link dev.shepherd.api.Recoverer}. */
        NOT_SUPPORTED,
        /** A takeover, a recovery or another access is under way. Try again when it has ended. */
        WORKED_ON,
        /** A pause keeps recovery off the machine, or its provider from being called. End it first, or force it. */
        PAUSED,
        /** Recovery of the machine's location, provider or fleet is frozen. Release the freeze first, or force it. */
        FROZEN,
        /** As many machines of the location or the provider are in recovery as may be. Wait, or force it. */
        AT_LIMIT,
        /** A gate does not agree, or its approval was withdrawn. Ask again later, or force it. */
        HELD_BACK
    }

    private final Reason reason;
    private final UUID machineId;

    public InterventionException(Reason reason, UUID machineId, String message) {
        super("machine " + machineId + ": " + message);
        this.reason = reason;
        this.machineId = machineId;
    }

    /** Returns why nothing was done. */
    public Reason reason() {
        return reason;
    }

    /** Returns the machine's id in the database. */
    public UUID machineId() {
        return machineId;
    }
}
