package dev.shepherd.bmdb.operator;

import dev.shepherd.api.ShepherdException;
import java.util.UUID;

/** A session is working on the machine. Nothing was written; try again when it has ended. */
public final class MachineBusyException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    private final UUID machineId;

    MachineBusyException(UUID machineId, String message) {
        super(message);
        this.machineId = machineId;
    }

    /** Returns the id of the machine. */
    public UUID machineId() {
        return machineId;
    }
}
