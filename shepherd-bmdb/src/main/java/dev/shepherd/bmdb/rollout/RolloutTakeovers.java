package dev.shepherd.bmdb.rollout;

import static dev.shepherd.bmdb.internal.schema.Tables.AGENT_EXECUTABLES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_ROLLOUT;
import static dev.shepherd.bmdb.internal.schema.Tables.ROLLOUTS;
import static org.jooq.impl.DSL.inline;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.recovery.Disruptions;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/**
 * What rollouts have to do with the takeover of a machine. The methods are called in the work that holds the machine.
 */
public final class RolloutTakeovers {

    private RolloutTakeovers() {}

    /**
     * An executable in the database.
     *
     * @param size how many bytes it has
     */
    public record Stored(AgentBuild build, long size) {}

    /**
     * What a takeover puts on a machine.
     *
     * @param executable empty for the one that the manager is set up with
     * @param isRollouts whether a rollout has chosen the machine for it
     * @param isFirst whether no takeover for this rollout has begun on the machine before
     */
    public record Assignment(Optional<Stored> executable, boolean isRollouts, boolean isFirst) {

        /** Nothing was assigned: the machine is not even contacted. */
        public static final Assignment NONE = new Assignment(Optional.empty(), false, false);
    }

    /** What is to blame for a takeover that failed. */
    public enum Blame {
        /** Perhaps the machine: its rollout gives it up. */
        MACHINE,
        /** The executable, which is not in the database as it was stored: its rollout stops. */
        DAMAGED_EXECUTABLE,
        /** Neither: it is tried again. */
        OTHERS
    }

    /** What is known of a machine in a rollout. */
    private record Progress(
            RolloutRow rollout, RolloutStep step, @Nullable String cause) {}

    /** Tells whether the takeover that is about to begin takes an agent down because a rollout wants another one. */
    public static boolean isDisruption(BmdbTransaction tx, UUID machineId, ProviderType provider) {
        Handle db = Handle.of(tx.dsl());
        return isChosen(progress(db, new RolloutQueries(db, provider), machineId));
    }

    private static boolean isChosen(Optional<Progress> progress) {
        return progress.filter(
                        at -> at.step() == RolloutStep.CHOSEN && at.rollout().isUnderWay())
                .isPresent();
    }

    /**
     * Has a machine that a rollout has chosen wait again, since a gate holds it back.
     *
     * @param why what the gate said, if it refuses for good: then the rollout leaves the machine alone; empty if its turn comes
     *     again
     */
    public static void holdBack(BmdbTransaction tx, UUID machineId, ProviderType provider, Optional<String> why) {
        Handle db = Handle.of(tx.dsl());
        db.lock(machineId);
        RolloutQueries queries = new RolloutQueries(db, provider);
        if (isChosen(progress(db, queries, machineId))) {
            queries.step(
                    List.of(machineId),
                    why.isPresent() ? RolloutStep.PASSED : RolloutStep.WAITING,
                    null,
                    why.orElse(null));
        }
    }

    /** Gives a machine that is drained for a rollout more time for its turn, which begins after that. */
    public static void extend(BmdbTransaction tx, UUID machineId, ProviderType provider, Instant until) {
        Handle db = Handle.of(tx.dsl());
        db.lock(machineId);
        new RolloutQueries(db, provider).extend(machineId, until);
    }

    /**
     * Says which executable a takeover that is about to begin puts on a machine. If a rollout has chosen the machine, its
     * turn has begun from here on, and the machine may run either agent.
     *
     * @param approval the claim of the work that gates gave their approval to; empty if none is needed
     * @return empty if the machine must be left alone: that would take an agent down, and is not approved any more, or the rollout
     *     that wanted it has ended
     */
    public static Optional<Assignment> begin(
            BmdbTransaction tx, UUID machineId, ProviderType provider, Optional<UUID> approval) {
        Handle db = Handle.of(tx.dsl());
        db.lock(machineId);
        RolloutQueries queries = new RolloutQueries(db, provider);
        Optional<Progress> progress = progress(db, queries, machineId);
        if (progress.filter(at -> at.step() == RolloutStep.CHOSEN).isPresent() && !isChosen(progress)) {
            // Its agent was not touched yet, and need not be.
            queries.step(List.of(machineId), RolloutStep.PASSED, null, "the rollout ended before its turn came");
            return Optional.empty();
        }
        if (isChosen(progress)
                && approval.isPresent()
                && !Disruptions.use(tx, machineId, DisruptionKind.ROLLOUT, approval.get())) {
            return Optional.empty();
        }
        return Optional.of(begin(db, queries, progress, machineId, provider));
    }

    private static Assignment begin(
            Handle db, RolloutQueries queries, Optional<Progress> progress, UUID machineId, ProviderType provider) {
        if (progress.isPresent()) {
            RolloutRow rollout = progress.get().rollout();
            switch (progress.get().step()) {
                case CHOSEN, STARTING -> {
                    if (rollout.isUnderWay()) {
                        queries.step(List.of(machineId), RolloutStep.STARTING, RolloutQueries.TURN, null);
                        return new Assignment(
                                Optional.of(stored(db, rollout.sha256())),
                                true,
                                progress.get().step() == RolloutStep.CHOSEN);
                    }
                    queries.step(
                            List.of(machineId),
                            RolloutStep.RETURNING,
                            RolloutQueries.TURN,
                            "the rollout ended before its turn was over");
                }
                case DONE -> {
                    // It was heard for long enough with this one, whatever became of the rollout.
                    return new Assignment(Optional.of(stored(db, rollout.sha256())), false, false);
                }
                default -> {}
            }
        }
        return new Assignment(current(db, provider, machineId), false, false);
    }

    private static Optional<Progress> progress(Handle db, RolloutQueries queries, UUID machineId) {
        return db.dsl()
                .selectFrom(MACHINE_ROLLOUT)
                .where(MACHINE_ROLLOUT.MACHINE_ID.eq(machineId))
                .fetchOptional(row -> new Progress(
                        queries.rollout(row.getRolloutId()).orElseThrow(),
                        RolloutStep.ofDatabaseName(row.getRolloutStep()),
                        row.getRolloutCause()));
    }

    /** The executable of the last rollout that was completed and is for the machine. */
    private static Optional<Stored> current(Handle db, ProviderType provider, UUID machineId) {
        return db.dsl()
                .select(ROLLOUTS.AGENT_SHA256)
                .from(ROLLOUTS)
                .where(ROLLOUTS.PROVIDER.eq(provider.name()))
                .and(ROLLOUTS.ROLLOUT_STATE.eq(inline(RolloutState.COMPLETED)))
                .and(DSL.condition(
                        "labels_match({0}, selector_terms({1}))", DSL.val(machineId), ROLLOUTS.ROLLOUT_SELECTOR))
                .orderBy(ROLLOUTS.ROLLOUT_ID.desc())
                .limit(1)
                .fetchOptional(ROLLOUTS.AGENT_SHA256)
                .map(sha256 -> stored(db, sha256));
    }

    private static Stored stored(Handle db, byte[] sha256) {
        return db.dsl()
                .selectFrom(AGENT_EXECUTABLES)
                .where(AGENT_EXECUTABLES.AGENT_SHA256.eq(sha256))
                .fetchSingle(row -> new Stored(
                        MachineQueries.build(row.getAgentSha256(), row.getAgentVersion()), row.getExecutableSize()));
    }

    /**
     * Notes that an agent was started. One that a rollout wanted has to be heard from now on; any other is the rollout's
     * next machine, if there is a rollout.
     *
     * @param build the executable that was started, as recorded; empty if the takeover did not say
     */
    public static void started(BmdbTransaction tx, UUID machineId, ProviderType provider, Optional<AgentBuild> build) {
        Handle db = Handle.of(tx.dsl());
        db.lock(machineId);
        RolloutQueries queries = new RolloutQueries(db, provider);
        Optional<Progress> progress = progress(db, queries, machineId);
        RolloutStep step = progress.map(Progress::step).orElse(RolloutStep.PASSED);
        boolean isRollouts = progress.flatMap(at -> build.map(started -> isOf(at.rollout(), started)))
                .orElse(false);
        switch (step) {
            case STARTING -> start(queries, machineId, progress.orElseThrow().rollout(), build, isRollouts);
            case RETURNING -> {
                if (isRollouts) {
                    queries.step(
                            List.of(machineId),
                            RolloutStep.FAILED,
                            null,
                            "the manager's own executable is the rollout's, so the former one could not be put back");
                } else {
                    queries.step(
                            List.of(machineId),
                            RolloutStep.RETURNED,
                            null,
                            progress.orElseThrow().cause());
                }
            }
            case BAKING, CHOSEN, DONE -> {
                // The roller sees what was started instead.
            }
            case WAITING, PASSED, RETURNED, FAILED ->
                queries.underWay()
                        // While it lists its machines, it comes to this one by itself.
                        .filter(rollout -> rollout.pass() != RolloutRow.LISTING)
                        .filter(rollout ->
                                build.filter(started -> isOf(rollout, started)).isEmpty())
                        .ifPresent(rollout -> queries.enrol(machineId, rollout));
        }
    }

    private static void start(
            RolloutQueries queries,
            UUID machineId,
            RolloutRow rollout,
            Optional<AgentBuild> build,
            boolean isRollouts) {
        if (!isRollouts) {
            queries.step(
                    List.of(machineId),
                    RolloutStep.FAILED,
                    null,
                    "the takeover started "
                            + build.map(AgentBuild::toString).orElse("an executable that it does not name")
                            + " instead of the rollout's");
        } else if (rollout.isUnderWay()) {
            queries.step(List.of(machineId), RolloutStep.BAKING, rollout.bake().plus(RolloutQueries.TURN), null);
        } else {
            queries.step(
                    List.of(machineId),
                    RolloutStep.RETURNING,
                    RolloutQueries.TURN,
                    "the rollout ended while it was taken over");
        }
    }

    private static boolean isOf(RolloutRow rollout, AgentBuild build) {
        return HexFormat.of().formatHex(rollout.sha256()).equals(build.sha256());
    }

    /**
     * Notes that a takeover failed that a rollout wanted. One that did not even begin, whatever its machine has to do with
     * it, leaves the machine as it was before.
     *
     * @param assigned what it was to put on the machine
     */
    public static void failed(
            BmdbTransaction tx, UUID machineId, ProviderType provider, Assignment assigned, String cause, Blame blame) {
        Handle db = Handle.of(tx.dsl());
        db.lock(machineId);
        RolloutQueries queries = new RolloutQueries(db, provider);
        Optional<Progress> starting = progress(db, queries, machineId)
                .filter(progress -> assigned.isRollouts() && progress.step() == RolloutStep.STARTING);
        if (starting.isEmpty()) {
            return;
        }
        if (blame == Blame.MACHINE) {
            queries.step(List.of(machineId), RolloutStep.FAILED, null, cause);
            return;
        }
        if (blame == Blame.DAMAGED_EXECUTABLE) {
            queries.end(starting.get().rollout().id(), RolloutState.STOPPED, cause);
        }
        // After a takeover that died in the middle, the machine may run either agent, whatever became of this one.
        queries.step(
                List.of(machineId),
                assigned.isFirst() ? RolloutStep.CHOSEN : RolloutStep.STARTING,
                RolloutQueries.TURN,
                null);
    }
}
