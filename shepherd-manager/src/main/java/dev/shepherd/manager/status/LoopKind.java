package dev.shepherd.manager.status;

import dev.shepherd.manager.Shepherd;
import java.util.Locale;

/** The loops that a {@link Shepherd} runs for each provider. */
public enum LoopKind {

    /** Brings machines into the database. */
    PROVISIONER,

    /** Takes machines over. */
    INITIALIZER,

    /** Brings machines back. */
    RECOVERER,

    /** Mirrors what the provider says of machines. */
    UPDATER,

    /** Brings agents to the executable of a rollout. */
    ROLLER;

    /** Returns the name as it is in {@link LoopStatus#name()}, in threads and in sessions. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
