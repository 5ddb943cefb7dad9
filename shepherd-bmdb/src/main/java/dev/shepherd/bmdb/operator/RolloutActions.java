package dev.shepherd.bmdb.operator;

import static dev.shepherd.bmdb.internal.schema.Tables.AGENT_EXECUTABLES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_ROLLOUT;
import static dev.shepherd.bmdb.internal.schema.Tables.ROLLOUTS;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.OperatorText;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.internal.Transactions;
import dev.shepherd.bmdb.internal.labels.LabelQueries;
import dev.shepherd.bmdb.internal.schema.tables.records.RolloutsRecord;
import dev.shepherd.bmdb.operator.ActionQueries.Entry;
import dev.shepherd.bmdb.operator.Rollout.State;
import dev.shepherd.bmdb.rollout.RolloutCounts;
import dev.shepherd.bmdb.rollout.RolloutEnrolment;
import dev.shepherd.bmdb.rollout.RolloutStep;
import dev.shepherd.bmdb.rollout.StoredAgents;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jooq.Condition;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a person does about rollouts. Every method that changes something records who, through what and why in the same
 * transaction, like {@link OperatorActions}. The managers do the rest: they look every few seconds.
 *
 * <p>A reason is one line of 1 to 1,000 characters, not blank, without control characters; another is an {@link
 * IllegalArgumentException}. Every method throws a {@link BmdbException} if the database cannot be reached, and an {@link
 * InterruptedException} if the thread is interrupted. Safe for use by several threads.
 */
public final class RolloutActions {

    private static final Logger log = LoggerFactory.getLogger(RolloutActions.class);

    private static final int MOST_TROUBLES = 20;

    private final Transactions transactions;
    private final Actor actor;

    private RolloutActions(Transactions transactions, Actor actor) {
        this.transactions = transactions;
        this.actor = actor;
    }

    /** Returns what a person can do about rollouts, on whose behalf all of it is done. */
    public static RolloutActions of(Bmdb bmdb, Actor actor) {
        return new RolloutActions(bmdb.unwrap(Database.class).transactions(), Objects.requireNonNull(actor, "actor"));
    }

    /**
     * Begins to bring a provider's machines to an executable of the agent. The executable is stored in the database, so
     * that every manager has it; one that was damaged there is replaced. The machines are those that are recorded, and those
     * that are taken over later while the rollout is under way, as far as they run another one and the plan's selector
     * selects them. If there are more than 5,000, the managers list the rest before the first wave begins.
     *
     * @param file the executable, at most 256 MiB
     * @return the rollout
     * @throws RolloutException if the provider has no machines, none that the selector selects, a rollout that is under way, or one that has ended but
     *     still has machines to put back
     * @throws IOException if the file cannot be read
     */
    public Rollout start(ProviderType provider, Path file, RolloutPlan plan, String reason)
            throws IOException, InterruptedException {
        OperatorText.checkReason("reason", reason);
        AgentBuild build = StoredAgents.build(file);
        Rollout started;
        try {
            started = transactions.runAlone("a rollout", db -> {
                requireNone(db, provider);
                plan.selector().ifPresent(selector -> requireSome(db, provider, selector));
                store(db, file, build);
                Rollout made = insert(db, provider, build, plan);
                StoredAgents.prune(db);
                ActionQueries.record(
                        db,
                        actor,
                        List.of(new Entry(
                                Verb.START_ROLLOUT,
                                reason,
                                null,
                                provider.name(),
                                subject(made.id()),
                                build + ", " + plan)));
                return made;
            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        log.info(
                "Rollout {} of agent {} to {}{} machine(s) of provider {} begins on behalf of {}: {}",
                started.id(),
                build,
                started.isListed() ? "" : "more than ",
                started.counts().waiting(),
                provider,
                actor,
                Escaped.text(reason));
        return started;
    }

    private static void store(Handle db, Path file, AgentBuild build) {
        try {
            StoredAgents.store(db, file, build);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void requireNone(Handle db, ProviderType provider) {
        if (!db.dsl().fetchExists(MACHINE_PROVIDED, MACHINE_PROVIDED.PROVIDER.eq(provider.name()))) {
            throw new RolloutException("provider " + provider + " has no machines");
        }
        Condition ours = ROLLOUTS.PROVIDER.eq(provider.name());
        db.dsl()
                .select(ROLLOUTS.ROLLOUT_ID)
                .from(ROLLOUTS)
                .where(ours)
                .and(ROLLOUTS.ROLLOUT_ENDED_AT.isNull())
                .fetchOptional(ROLLOUTS.ROLLOUT_ID)
                .ifPresent(id -> {
                    throw new RolloutException("rollout " + id + " of provider " + provider + " is under way");
                });
        db.dsl()
                .select(ROLLOUTS.ROLLOUT_ID)
                .from(ROLLOUTS)
                .where(ours)
                .and(exists(selectOne()
                        .from(MACHINE_ROLLOUT)
                        .where(MACHINE_ROLLOUT.ROLLOUT_ID.eq(ROLLOUTS.ROLLOUT_ID))
                        .and(MACHINE_ROLLOUT.ROLLOUT_UNTIL.isNotNull())))
                .limit(1)
                .fetchOptional(ROLLOUTS.ROLLOUT_ID)
                .ifPresent(id -> {
                    throw new RolloutException("rollout " + id + " of provider " + provider
                            + " has ended, and still has machines to put back");
                });
    }

    private static void requireSome(Handle db, ProviderType provider, Selector selector) {
        if (!db.dsl()
                .fetchExists(
                        MACHINE_PROVIDED,
                        MACHINE_PROVIDED
                                .PROVIDER
                                .eq(provider.name())
                                .and(LabelQueries.matches(MACHINE_PROVIDED.MACHINE_ID, selector)))) {
            throw new RolloutException("provider " + provider + " has no machines with labels " + selector);
        }
    }

    private Rollout insert(Handle db, ProviderType provider, AgentBuild build, RolloutPlan plan) {
        byte[] sha256 = HexFormat.of().parseHex(build.sha256());
        long id = db.dsl()
                .insertInto(ROLLOUTS)
                .set(ROLLOUTS.PROVIDER, provider.name())
                .set(ROLLOUTS.AGENT_SHA256, sha256)
                .set(ROLLOUTS.ROLLOUT_STATE, State.RUNNING.databaseName())
                .set(ROLLOUTS.ROLLOUT_CANARY, plan.canary())
                .set(ROLLOUTS.ROLLOUT_BATCH, plan.batch())
                .set(ROLLOUTS.ROLLOUT_BAKE_SECONDS, plan.bake().toSeconds())
                .set(ROLLOUTS.ROLLOUT_MAX_FAILURES, plan.maxFailures())
                .set(
                        ROLLOUTS.ROLLOUT_SELECTOR,
                        plan.selector().map(Selector::toString).orElse(null))
                .set(ROLLOUTS.ROLLOUT_WAVE, 0)
                .set(ROLLOUTS.ROLLOUT_PASS, 0)
                .set(ROLLOUTS.ROLLOUT_MACHINES, 0)
                .set(ROLLOUTS.ROLLOUT_DONE, 0)
                .set(ROLLOUTS.ROLLOUT_PASSED, 0)
                .set(ROLLOUTS.ROLLOUT_STARTED_AT, db.time().now())
                .set(ROLLOUTS.ROLLOUT_STARTED_BY, actor.name())
                // Of two that start at once, the second waits here for the first.
                .onConflictDoNothing()
                .returning(ROLLOUTS.ROLLOUT_ID)
                .fetchOptional(ROLLOUTS.ROLLOUT_ID)
                .orElseThrow(() -> new RolloutException("another rollout of provider " + provider + " has just begun"));
        // The rest of a large fleet is the managers': one transaction for all of it would take as long as it is large.
        new RolloutEnrolment(db, provider, id, sha256, plan.selector().orElse(null)).next();
        return read(db, ROLLOUTS.ROLLOUT_ID.eq(id), 1).get(0);
    }

    /**
     * Keeps a rollout from choosing further machines.
     *
     * @return false if it is not running
     */
    public boolean pause(long rollout, String reason) throws InterruptedException {
        return change(rollout, Verb.PAUSE_ROLLOUT, State.PAUSED, List.of(State.RUNNING), reason);
    }

    /**
     * Has a rollout go on that was paused.
     *
     * @return false if it is not paused
     */
    public boolean resume(long rollout, String reason) throws InterruptedException {
        return change(rollout, Verb.RESUME_ROLLOUT, State.RUNNING, List.of(State.PAUSED), reason);
    }

    /**
     * Ends a rollout. Machines whose new agent was not heard for long enough yet get their former agent back; the others
     * keep the one that they have.
     *
     * @return false if it has ended already
     */
    public boolean abort(long rollout, String reason) throws InterruptedException {
        return change(rollout, Verb.ABORT_ROLLOUT, State.ABORTED, List.of(State.RUNNING, State.PAUSED), reason);
    }

    private boolean change(long rollout, Verb verb, State to, List<State> from, String reason)
            throws InterruptedException {
        OperatorText.checkReason("reason", reason);
        boolean changed = transactions.runAlone("rollout " + rollout, db -> {
            Optional<String> provider = db.dsl()
                    .update(ROLLOUTS)
                    .set(ROLLOUTS.ROLLOUT_STATE, to.databaseName())
                    .set(ROLLOUTS.ROLLOUT_CAUSE, to == State.RUNNING ? null : actor.name() + ": " + reason)
                    .set(
                            ROLLOUTS.ROLLOUT_ENDED_AT,
                            to.isUnderWay()
                                    ? DSL.castNull(ROLLOUTS.ROLLOUT_ENDED_AT.getDataType())
                                    : db.time().now())
                    .where(ROLLOUTS.ROLLOUT_ID.eq(rollout))
                    .and(ROLLOUTS.ROLLOUT_STATE.in(
                            from.stream().map(State::databaseName).toList()))
                    .returning(ROLLOUTS.PROVIDER)
                    .fetchOptional(ROLLOUTS.PROVIDER);
            provider.ifPresent(name -> ActionQueries.record(
                    db, actor, List.of(new Entry(verb, reason, null, name, subject(rollout), null))));
            return provider.isPresent();
        });
        if (changed) {
            log.info("Rollout {}: {} on behalf of {}: {}", rollout, verb, actor, Escaped.text(reason));
        }
        return changed;
    }

    private static String subject(long rollout) {
        return "rollout " + rollout;
    }

    /** Reads the rollouts that {@code which} selects, newest first. */
    static List<Rollout> read(Handle db, Condition which, int limit) {
        return db.dsl()
                .selectFrom(ROLLOUTS)
                .where(which)
                .orderBy(ROLLOUTS.ROLLOUT_ID.desc())
                .limit(limit)
                .fetch(row -> rollout(db, row));
    }

    private static Rollout rollout(Handle db, RolloutsRecord row) {
        @Nullable
        String version = db.dsl()
                .select(AGENT_EXECUTABLES.AGENT_VERSION)
                .from(AGENT_EXECUTABLES)
                .where(AGENT_EXECUTABLES.AGENT_SHA256.eq(row.getAgentSha256()))
                .fetchOne(AGENT_EXECUTABLES.AGENT_VERSION);
        return new Rollout(
                row.getRolloutId(),
                new ProviderType(row.getProvider()),
                MachineQueries.build(row.getAgentSha256(), version),
                State.ofDatabaseName(row.getRolloutState()),
                Optional.ofNullable(row.getRolloutCause()).map(Escaped::text),
                RolloutPlan.builder()
                        .canary(row.getRolloutCanary())
                        .batch(row.getRolloutBatch())
                        .bake(Duration.ofSeconds(row.getRolloutBakeSeconds()))
                        .maxFailures(row.getRolloutMaxFailures())
                        .selector(row.getRolloutSelector() == null ? null : Selector.parse(row.getRolloutSelector()))
                        .build(),
                row.getRolloutWave(),
                row.getRolloutStartedAt().toInstant(),
                row.getRolloutStartedBy(),
                Optional.ofNullable(row.getRolloutEndedAt()).map(OffsetDateTime::toInstant),
                row.getRolloutPass() > 0,
                counts(db, row),
                troubles(db, row.getRolloutId()));
    }

    private static Rollout.Counts counts(Handle db, RolloutsRecord row) {
        RolloutCounts counts = RolloutCounts.of(db, row);
        return new Rollout.Counts(
                counts.of(RolloutStep.WAITING),
                counts.of(RolloutStep.CHOSEN) + counts.of(RolloutStep.STARTING),
                counts.of(RolloutStep.BAKING),
                counts.of(RolloutStep.DONE),
                counts.of(RolloutStep.RETURNING),
                counts.of(RolloutStep.RETURNED),
                counts.of(RolloutStep.FAILED),
                counts.of(RolloutStep.PASSED));
    }

    private static List<Rollout.Trouble> troubles(Handle db, long rollout) {
        return db.dsl()
                .select(MACHINE_ROLLOUT.MACHINE_ID, MACHINE_ROLLOUT.ROLLOUT_CAUSE)
                .from(MACHINE_ROLLOUT)
                .where(MACHINE_ROLLOUT.ROLLOUT_ID.eq(rollout))
                .and(RolloutStep.isTrouble())
                .orderBy(MACHINE_ROLLOUT.ROLLOUT_STEP_AT, MACHINE_ROLLOUT.MACHINE_ID)
                .limit(MOST_TROUBLES)
                .fetch(row -> new Rollout.Trouble(
                        row.value1(),
                        Escaped.text(Optional.ofNullable(row.value2()).orElse("it is not known why"))));
    }
}
