package dev.shepherd.bmdb;

import dev.shepherd.api.ShepherdException;
import java.util.UUID;

/**
 * A piece of work is no longer held: its session was lost, it was taken away in the database, or it has ended
 * already. Nothing was written.
 */
public final class WorkLostException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    private final UUID machineId;
    private final String process;

    WorkLostException(UUID machineId, WorkProcess process, String message) {
        super(message);
        this.machineId = machineId;
        this.process = process.name();
    }

    /** Returns the machine that was worked on. */
    public UUID machineId() {
        return machineId;
    }

    /** Returns what was being done to it. */
    public WorkProcess process() {
        return new WorkProcess(process);
    }
}
