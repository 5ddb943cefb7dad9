package dev.shepherd.bmdb.rollout;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_ROLLOUT;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;

import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineConditions;
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.recovery.Silence;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/**
 * Decides what becomes of the machines that a rollout works on, from what is recorded of them. Runs under the lock on the
 * provider's row. Machines that others have locked are decided on at the next look.
 */
final class RolloutJudge {

    private static final Field<String> LOCATION =
            coalesce(MACHINE_PROVIDED.PROVIDER_LOCATION, inline("")).as("location");
    private static final Field<Boolean> IS_WORKED_ON = field(not(WorkQueries.notWorkedOn(WorkProcess.AGENT_START)));
    private static final Field<Boolean> IS_PRESENT = field(MachineConditions.present());
    private static final Field<Boolean> IS_INSTALLED = field(MachineConditions.installationFulfilled());

    private final Handle db;
    private final RolloutQueries queries;
    private final Silence silence;
    private final Consumer<String> tell;
    private final Map<Long, RolloutRow> rollouts = new HashMap<>();

    RolloutJudge(Handle db, RolloutQueries queries, Silence silence, Consumer<String> tell) {
        this.db = db;
        this.queries = queries;
        this.silence = silence;
        this.tell = tell;
    }

    /** Decides on all machines, and once more if that has stopped the rollout. */
    void run() {
        decide();
        Optional<RolloutRow> underWay = queries.underWay();
        if (underWay.isPresent() && stopIfTooManyFailed(underWay.get())) {
            rollouts.clear();
            decide();
        }
    }

    private boolean stopIfTooManyFailed(RolloutRow rollout) {
        int failures = queries.failures(rollout.id());
        if (failures <= rollout.maxFailures()) {
            return false;
        }
        String cause = String.format(
                Locale.ROOT,
                "%d machine(s) failed or fell silent, and at most %d may",
                failures,
                rollout.maxFailures());
        queries.end(rollout.id(), RolloutState.STOPPED, cause);
        tell.accept("rollout " + rollout.id() + " is stopped: " + cause);
        return true;
    }

    private void decide() {
        List<UUID> locked = queries.lockFree(queries.active());
        if (locked.isEmpty()) {
            return;
        }
        Instant now = MachineQueries.now(db);
        // After a time in which no process was there to take machines over, they have the same time for it again.
        queries.extend(locked, silence.watchedSince());
        // Read by a statement of its own: it sees what was committed before the locks were given.
        db.dsl()
                .select(
                        MACHINE_ROLLOUT.MACHINE_ID,
                        MACHINE_ROLLOUT.ROLLOUT_ID,
                        MACHINE_ROLLOUT.ROLLOUT_STEP,
                        MACHINE_ROLLOUT.ROLLOUT_UNTIL,
                        MACHINE_ROLLOUT.ROLLOUT_CAUSE,
                        MACHINE_AGENT_STARTED.AGENT_STARTED_AT,
                        MACHINE_AGENT_STARTED.AGENT_SHA256,
                        MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT,
                        LOCATION,
                        IS_WORKED_ON.as("worked_on"),
                        IS_PRESENT.as("present"),
                        IS_INSTALLED.as("installed"))
                .from(MACHINE_ROLLOUT)
                .join(MACHINES)
                .on(MACHINES.MACHINE_ID.eq(MACHINE_ROLLOUT.MACHINE_ID))
                .leftJoin(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINE_ROLLOUT.MACHINE_ID))
                .leftJoin(MACHINE_AGENT_STARTED)
                .on(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINE_ROLLOUT.MACHINE_ID))
                .leftJoin(MACHINE_AGENT_HEARTBEAT)
                .on(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINE_ROLLOUT.MACHINE_ID))
                .where(MACHINE_ROLLOUT.MACHINE_ID.eq(DSL.any(locked.toArray(UUID[]::new))))
                .and(MACHINE_ROLLOUT.ROLLOUT_UNTIL.isNotNull())
                .orderBy(MACHINE_ROLLOUT.MACHINE_ID)
                .fetch(row -> new Machine(row, now))
                .forEach(this::decide);
    }

    /** What is known of a machine that a rollout works on. */
    private static final class Machine {
        private final UUID id;
        private final long rolloutId;
        private final RolloutStep step;
        private final boolean isLate;
        private final @Nullable String cause;
        private final @Nullable Instant startedAt;
        private final byte @Nullable [] sha256;
        private final @Nullable Instant heardAt;
        private final String location;
        private final boolean isWorkedOn;
        private final boolean isPresent;
        private final boolean isInstalled;
        private final Instant now;

        Machine(Record row, Instant now) {
            this.id = row.get(MACHINE_ROLLOUT.MACHINE_ID);
            this.rolloutId = row.get(MACHINE_ROLLOUT.ROLLOUT_ID);
            this.step = RolloutStep.ofDatabaseName(row.get(MACHINE_ROLLOUT.ROLLOUT_STEP));
            this.isLate = row.get(MACHINE_ROLLOUT.ROLLOUT_UNTIL).toInstant().isBefore(now);
            this.cause = row.get(MACHINE_ROLLOUT.ROLLOUT_CAUSE);
            this.startedAt = instant(row.get(MACHINE_AGENT_STARTED.AGENT_STARTED_AT));
            this.sha256 = row.get(MACHINE_AGENT_STARTED.AGENT_SHA256);
            this.heardAt = instant(row.get(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT));
            this.location = row.get(LOCATION);
            this.isWorkedOn = row.get("worked_on", Boolean.class);
            this.isPresent = row.get("present", Boolean.class);
            this.isInstalled = row.get("installed", Boolean.class);
            this.now = now;
        }

        private static @Nullable Instant instant(@Nullable OffsetDateTime time) {
            return time == null ? null : time.toInstant();
        }
    }

    private void decide(Machine machine) {
        RolloutRow rollout = rollouts.computeIfAbsent(
                machine.rolloutId, id -> queries.rollout(id).orElseThrow());
        if (machine.isWorkedOn) {
            // Whoever works on it moves it on, or loses the work.
            return;
        }
        if (!machine.isPresent || machine.isInstalled) {
            pass(machine, machine.isInstalled ? "its operating system is installed" : "it is quarantined or missing");
            return;
        }
        switch (machine.step) {
            case CHOSEN -> decideOnChosen(machine, rollout);
            case STARTING -> decideOnStarting(machine, rollout);
            case BAKING -> decideOnBaking(machine, rollout);
            case RETURNING -> {
                if (machine.isLate) {
                    fail(machine, "the former agent could not be started in time; " + machine.cause);
                }
            }
            default -> throw new IllegalStateException(machine.step + " is not active");
        }
    }

    private void decideOnChosen(Machine machine, RolloutRow rollout) {
        if (rollout.isPaused()) {
            queries.step(List.of(machine.id), RolloutStep.WAITING, null, null);
        } else if (!rollout.isUnderWay()) {
            pass(machine, "the rollout ended before its turn came");
        } else if (machine.isLate) {
            pass(machine, "it was not taken over in time");
        }
    }

    private void decideOnStarting(Machine machine, RolloutRow rollout) {
        if (!rollout.isUnderWay()) {
            putBack(machine, "the rollout ended while it was taken over");
        } else if (machine.isLate) {
            putBack(machine, "it could not be taken over in time");
        }
    }

    private void decideOnBaking(Machine machine, RolloutRow rollout) {
        if (machine.startedAt == null || !Arrays.equals(machine.sha256, rollout.sha256())) {
            pass(machine, "another agent was started on it meanwhile");
            return;
        }
        if (machine.heardAt != null && !machine.heardAt.isBefore(machine.startedAt.plus(rollout.bake()))) {
            queries.step(List.of(machine.id), RolloutStep.DONE, null, null);
            return;
        }
        Instant lastSign = machine.heardAt == null ? machine.startedAt : machine.heardAt;
        Duration silent = Duration.between(lastSign, machine.now);
        if (silence.isProved(lastSign, machine.location)) {
            putBack(
                    machine,
                    (machine.heardAt == null ? "the new agent was never heard, for " : "the new agent is silent for ")
                            + Spans.text(Duration.ofSeconds(silent.toSeconds())));
        } else if (!rollout.isUnderWay()) {
            putBack(machine, "the rollout ended before the new agent was heard for long enough");
        }
    }

    private void pass(Machine machine, String cause) {
        queries.step(List.of(machine.id), RolloutStep.PASSED, null, cause);
    }

    private void fail(Machine machine, String cause) {
        queries.step(List.of(machine.id), RolloutStep.FAILED, null, cause);
        tell.accept("machine " + machine.id + ": " + cause);
    }

    private void putBack(Machine machine, String cause) {
        queries.step(List.of(machine.id), RolloutStep.RETURNING, RolloutQueries.TURN, cause);
        tell.accept("machine " + machine.id + ": its former agent is put back: " + cause);
    }
}
