package dev.shepherd.bmdb;

/** What happened to a piece of work, as recorded in {@code work_history}. */
public enum WorkEvent {
    /** A session took the work. */
    STARTED("Started"),
    /** The work was done, and what it wrote was committed. */
    FINISHED("Finished"),
    /** The work failed; the cause is recorded, and the machine is backed off. */
    FAILED("Failed"),
    /** The work was given up without a result, by its holder or because the session expired. */
    CANCELED("Canceled");

    private final String databaseName;

    WorkEvent(String databaseName) {
        this.databaseName = databaseName;
    }

    /** Returns the spelling used in the column {@code work_history.event}. */
    public String databaseName() {
        return databaseName;
    }

    /** Finds the one with a {@link #databaseName()}. */
    public static WorkEvent ofDatabaseName(String name) {
        for (WorkEvent event : values()) {
            if (event.databaseName.equals(name)) {
                return event;
            }
        }
        throw new IllegalArgumentException("no such event: " + name);
    }
}
