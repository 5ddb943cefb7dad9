package dev.shepherd.bmdb.operator;

import dev.shepherd.api.ShepherdException;
import java.util.UUID;

/** What an operator asked for cannot be done now. Nothing was written. */
public final class OperatorException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    /** Why not. */
    public enum Reason {
        /** The database has no such machine. */
        UNKNOWN_MACHINE,
        /** A session is working on the machine. Try again when that has ended. */
        WORKED_ON
    }

    private final Reason reason;
    private final UUID machineId;

    OperatorException(Reason reason, UUID machineId, String message) {
        super("machine " + machineId + ": " + message);
        this.reason = reason;
        this.machineId = machineId;
    }

    /** Returns why nothing was done. */
    public Reason reason() {
        return reason;
    }

    /** Returns the id of the machine. */
    public UUID machineId() {
        return machineId;
    }
}
