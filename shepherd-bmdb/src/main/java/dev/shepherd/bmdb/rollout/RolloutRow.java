package dev.shepherd.bmdb.rollout;

import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.internal.labels.LabelQueries;
import java.time.Duration;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/**
 * A row of {@code rollouts}, as far as its course depends on it.
 *
 * @param state one of the states in the database
 * @param wave how many waves there were
 * @param pass how far it is with the machines, as below
 * @param selector which machines it is for; null for all of the provider's
 */
record RolloutRow(
        long id,
        byte[] sha256,
        String state,
        int canary,
        int batch,
        Duration bake,
        int maxFailures,
        int wave,
        int pass,
        int done,
        @Nullable Selector selector) {

    /** The machine with an id is one that it is for. */
    Condition isFor(Field<UUID> machineId) {
        return selector == null ? DSL.noCondition() : LabelQueries.matches(machineId, selector);
    }

    /** Machines are being listed. */
    static final int LISTING = 0;

    /** All that were listed have their turn. */
    static final int FIRST_PASS = 1;

    /** Those that were left alone, and those that were missed, are being listed. */
    static final int LISTING_AGAIN = 2;

    /** These have their turn. */
    static final int SECOND_PASS = 3;

    boolean isUnderWay() {
        return state.equals(RolloutState.RUNNING) || isPaused();
    }

    boolean isPaused() {
        return state.equals(RolloutState.PAUSED);
    }
}
