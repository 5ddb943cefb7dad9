package dev.shepherd.bmdb.rollout;

/** The names that the database has for how a rollout stands. */
public final class RolloutState {

    /** It goes on. */
    public static final String RUNNING = "Running";

    /** It chooses no further machines until it is resumed. */
    public static final String PAUSED = "Paused";

    /** It has stopped on its own. */
    public static final String STOPPED = "Stopped";

    /** A person has ended it. */
    public static final String ABORTED = "Aborted";

    /** No machine is left for it. */
    public static final String COMPLETED = "Completed";

    private RolloutState() {}
}
