package dev.shepherd.bmdb.rollout;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_ROLLOUT;
import static org.jooq.impl.DSL.inline;

import java.util.Arrays;
import org.jooq.Condition;

/** How far a rollout has come with a machine. */
public enum RolloutStep {
    /** Its turn has yet to come. */
    WAITING("Waiting"),
    /** It is due for a takeover with the rollout's executable. */
    CHOSEN("Chosen"),
    /** That takeover has begun: from here on, the machine may run either agent. */
    STARTING("Starting"),
    /** The rollout's agent was started, and has yet to be heard for long enough. */
    BAKING("Baking"),
    /** It is due for a takeover with the former executable. */
    RETURNING("Returning"),
    /** Its agent was heard for long enough. */
    DONE("Done"),
    /** The rollout's agent failed on it, and the former one was started again. */
    RETURNED("Returned"),
    /** A takeover failed, or the former agent could not be started again. */
    FAILED("Failed"),
    /** It was left alone. */
    PASSED("Passed");

    private final String databaseName;

    RolloutStep(String databaseName) {
        this.databaseName = databaseName;
    }

    /** Returns the name that the database has for it. */
    public String databaseName() {
        return databaseName;
    }

    /** Whether a row of {@code machine_rollout} is of a machine that failed, whatever became of it since. */
    public static Condition isTrouble() {
        return MACHINE_ROLLOUT.ROLLOUT_STEP.in(
                inline(RETURNING.databaseName), inline(RETURNED.databaseName), inline(FAILED.databaseName));
    }

    /** Returns the step with this name in the database. */
    public static RolloutStep ofDatabaseName(String name) {
        return Arrays.stream(values())
                .filter(step -> step.databaseName.equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no step of a rollout: " + name));
    }
}
