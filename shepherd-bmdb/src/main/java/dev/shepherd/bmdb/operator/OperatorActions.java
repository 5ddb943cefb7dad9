package dev.shepherd.bmdb.operator;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES_FORGOTTEN;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.PAUSES;
import static dev.shepherd.bmdb.internal.schema.Tables.SESSIONS;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_BACKOFF;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_HISTORY;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.OperatorText;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.DatabaseTime;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.TagQueries;
import dev.shepherd.bmdb.internal.Transactions;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.operator.ActionQueries.Entry;
import dev.shepherd.bmdb.operator.PauseQueries.Scope;
import dev.shepherd.bmdb.recovery.FreezeQueries;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a person does to a running fleet. Every method that changes something records who, through what and why in the
 * same transaction: the record is there exactly if the change is. One that finds nothing to change records nothing.
 * {@link Operator#actions} reads the records.
 *
 * <p>All of it takes effect for every process at its next claim, and needs no session. A reason is one line of 1 to
 * 1,000 characters, not blank, without control characters; another is an {@link IllegalArgumentException}. Every method
 * throws a {@link BmdbException} if the database cannot be reached, and an {@link InterruptedException} if the thread is
 * interrupted. Safe for use by several threads.
 */
public final class OperatorActions {

    /** How many machines are locked at a time where many are changed. */
    static final int BATCH = 100;

    private static final Logger log = LoggerFactory.getLogger(OperatorActions.class);

    private final Transactions transactions;
    private final Actor actor;

    private OperatorActions(Transactions transactions, Actor actor) {
        this.transactions = transactions;
        this.actor = actor;
    }

    /** Returns what a person can do to a fleet, on whose behalf all of it is done. */
    public static OperatorActions of(Bmdb bmdb, Actor actor) {
        return new OperatorActions(bmdb.unwrap(Database.class).transactions(), Objects.requireNonNull(actor, "actor"));
    }

    /**
     * Keeps loops off for a while. Work that was claimed before goes on.
     *
     * @param machineId which machine, or null for all
     * @param provider the machines of which provider, or null for all
     * @param process which process, or null for all. If both it and the machine are null, the provider itself is left
     *     alone: its provisioner and updater do not call it
     * @param reason why
     * @param duration for how long, more than zero; null for until it is ended
     * @return the pause
     * @throws OperatorException if there is no such machine
     */
    public Pause pause(
            @Nullable UUID machineId,
            @Nullable ProviderType provider,
            @Nullable WorkProcess process,
            String reason,
            @Nullable Duration duration)
            throws InterruptedException {
        return pause(new Scope(machineId, null, provider, process), reason, duration);
    }

    /**
     * Keeps loops off all machines that a selector selects by their labels as they are at each moment: also those that are
     * recorded or labelled while the pause lasts. Otherwise as {@link #pause(UUID, ProviderType, WorkProcess, String,
     * Duration)}; providers are called.
     */
    public Pause pauseSelected(
            Selector selector,
            @Nullable ProviderType provider,
            @Nullable WorkProcess process,
            String reason,
            @Nullable Duration duration)
            throws InterruptedException {
        return pause(new Scope(null, selector, provider, process), reason, duration);
    }

    private Pause pause(Scope scope, String reason, @Nullable Duration duration) throws InterruptedException {
        checkReason(reason);
        if (duration != null && (duration.isNegative() || duration.isZero())) {
            throw new IllegalArgumentException("a pause must be longer than zero, not " + Spans.text(duration));
        }
        Pause pause = transactions.runAlone("a pause", db -> {
            if (scope.machineId() != null) {
                lock(db, scope.machineId());
            }
            Pause made = PauseQueries.insert(db, actor, scope, reason, duration);
            String until = made.until().map(end -> "until " + end).orElse("until it is resumed");
            record(db, new Entry(Verb.PAUSE, reason, scope.machineId(), providerOf(made), subject(made), until));
            return made;
        });
        log.info(
                "Paused {}{} on behalf of {}: {}",
                pause.scope(),
                pause.until().map(until -> " until " + until).orElse(""),
                actor,
                Escaped.text(reason));
        return pause;
    }

    private static @Nullable String providerOf(Pause pause) {
        return pause.provider().map(ProviderType::name).orElse(null);
    }

    private static String subject(Pause pause) {
        return "pause " + pause.id() + " of " + pause.scope();
    }

    /** Ends a pause. Returns false if there is none with this id. */
    public boolean resume(UUID pauseId, String reason) throws InterruptedException {
        checkReason(reason);
        boolean ended = transactions.runAlone("the end of pause " + pauseId, db -> {
            Optional<Pause> pause = db.dsl()
                    .deleteFrom(PAUSES)
                    .where(PAUSES.PAUSE_ID.eq(pauseId))
                    .returning()
                    .fetchOptional(Operator::pause);
            pause.ifPresent(was -> record(
                    db,
                    new Entry(Verb.RESUME, reason, was.machineId().orElse(null), providerOf(was), subject(was), null)));
            return pause.isPresent();
        });
        if (ended) {
            log.info("Pause {} was ended by {}: {}", pauseId, actor, Escaped.text(reason));
        }
        return ended;
    }

    /**
     * Quarantines a machine: no loop touches it until it is released.
     *
     * @return false if it is quarantined already; then its cause stays
     * @throws OperatorException if there is no such machine
     */
    public boolean quarantine(UUID machineId, String reason) throws InterruptedException {
        return change(Verb.QUARANTINE, machineId, "quarantined", reason, db -> {
            lock(db, machineId);
            return TagQueries.quarantine(db, machineId, actor.name(), reason)
                    && record(db, Entry.onMachine(Verb.QUARANTINE, machineId, reason, null));
        });
    }

    /**
     * Releases a machine from quarantine with a clean record: its attempts are counted from zero, and its backoffs are
     * cleared.
     *
     * @return false if the machine was not quarantined
     */
    public boolean release(UUID machineId, String reason) throws InterruptedException {
        return change(Verb.RELEASE, machineId, "released", reason, db -> {
            if (!TagQueries.release(db, machineId)) {
                return false;
            }
            TagQueries.clearRecovery(db, machineId);
            TagQueries.clearUnreachable(db, machineId);
            db.dsl()
                    .deleteFrom(WORK_BACKOFF)
                    .where(WORK_BACKOFF.MACHINE_ID.eq(machineId))
                    .execute();
            return record(db, Entry.onMachine(Verb.RELEASE, machineId, reason, null));
        });
    }

    /**
     * Ends a freeze. Agents that are silent now are no evidence for another one: their machines are recovered, within
     * the limits.
     *
     * @return false if the freeze is over already
     */
    public boolean release(Freeze freeze, String reason) throws InterruptedException {
        checkReason(reason);
        String provider = freeze.provider().map(ProviderType::name).orElse("");
        boolean released = transactions.runAlone(
                "releasing " + freeze.scope(),
                db -> FreezeQueries.release(db, provider, freeze.location().orElse(""), actor.name(), Duration.ZERO)
                        && record(
                                db,
                                new Entry(
                                        Verb.UNFREEZE,
                                        reason,
                                        null,
                                        freeze.provider()
                                                .map(ProviderType::name)
                                                .orElse(null),
                                        "recovery of " + freeze.scope(),
                                        freeze.evidence())));
        if (released) {
            log.warn(
                    "Recovery of {} is no longer frozen: released by {}: {}",
                    freeze.scope(),
                    actor,
                    Escaped.text(reason));
        }
        return released;
    }

    /**
     * Lifts backoffs: the processes may come back at once, and start from their first period if they fail again. Locks
     * a hundred machines at a time, each for a moment, and commits in between: an exception leaves what was lifted
     * before. A machine that fails again meanwhile stays backed off. What only gives a reboot or another attempt at
     * recovery time to take effect is no failure, and is lifted only if the machine or the kind is named.
     *
     * @param which which of the backoffs in force
     * @param lifted is shown each backoff as it was, once its end is committed
     * @return how many there were
     */
    public long retry(BackoffFilter which, String reason, Consumer<? super BackedOff> lifted)
            throws InterruptedException {
        checkReason(reason);
        long count = 0;
        UUID after = null;
        Batch batch;
        do {
            UUID from = after;
            batch = transactions.runAlone("lifting backoffs", db -> liftNext(db, which, from, reason));
            batch.lifted().forEach(lifted);
            count += batch.lifted().size();
            after = batch.last();
        } while (after != null);
        if (count > 0) {
            log.info("Lifted {} backoff(s) on behalf of {}: {}", count, actor, Escaped.text(reason));
        }
        return count;
    }

    /** @param last behind which machine to go on; null at the end */
    private record Batch(List<BackedOff> lifted, @Nullable UUID last) {}

    private Batch liftNext(Handle db, BackoffFilter which, @Nullable UUID after, String reason) {
        // More than one may be of the last machine: all of a machine are lifted with the first.
        List<UUID> machineIds = ActionQueries.backoffs(db, which, after, BATCH).stream()
                .map(BackedOff::machineId)
                .distinct()
                .toList();
        if (machineIds.isEmpty()) {
            return new Batch(List.of(), null);
        }
        db.lock(machineIds);
        List<BackedOff> lifted = ActionQueries.lift(db, which, machineIds);
        List<Entry> entries = lifted.stream()
                .map(one -> Entry.onMachine(
                        Verb.RETRY,
                        one.machineId(),
                        reason,
                        "%s was backed off until %s: %s".formatted(one.process(), one.until(), one.cause())))
                .toList();
        ActionQueries.record(db, actor, entries);
        return new Batch(lifted, machineIds.get(machineIds.size() - 1));
    }

    /**
     * Forgets the SSH host key that is pinned for a machine: the next takeover trusts, and pins, the one that it finds.
     *
     * @param reason why the machine may have another key
     * @return false if none is pinned
     */
    public boolean trust(UUID machineId, String reason) throws InterruptedException {
        return change(Verb.TRUST, machineId, "its SSH host key was forgotten", reason, db -> {
            Optional<String> key = TagQueries.takeSshHostKey(db, machineId);
            return key.isPresent() && record(db, Entry.onMachine(Verb.TRUST, machineId, reason, "forgot " + key.get()));
        });
    }

    /**
     * Forgets the agent that was started on a machine, which is refused from then on: the machine is taken over by SSH
     * like a new one, without a reboot.
     *
     * @return false if none is started
     */
    public boolean restartAgent(UUID machineId, String reason) throws InterruptedException {
        return change(Verb.RESTART_AGENT, machineId, "its agent is to be started again, as asked", reason, db -> {
            if (!TagQueries.clearAgentStarted(db, machineId)) {
                return false;
            }
            // In this order: an agent is heard only while it is started.
            TagQueries.clearAgentHeartbeat(db, machineId);
            return record(db, Entry.onMachine(Verb.RESTART_AGENT, machineId, reason, null));
        });
    }

    /**
     * Asks for an installation: see {@link BmdbTransaction#requestInstallation}.
     *
     * @param request what the agent is to install, as the agent understands it
     * @return the generation of the request
     * @throws OperatorException if there is no such machine
     */
    public long requestInstallation(UUID machineId, byte[] request, String reason) throws InterruptedException {
        checkReason(reason);
        long generation = transactions.runAlone("requesting an installation of machine " + machineId, db -> {
            lock(db, machineId);
            long made = TagQueries.requestInstallation(db, machineId, request);
            String details = String.format(Locale.ROOT, "generation %d, %d bytes", made, request.length);
            record(db, Entry.onMachine(Verb.INSTALL, machineId, reason, details));
            return made;
        });
        log.info(
                "Machine {}: installation {} was requested by {}: {}",
                machineId,
                generation,
                actor,
                Escaped.text(reason));
        return generation;
    }

    /**
     * Takes the request for an installation back. A machine on which it was fulfilled comes back to the loops. An agent
     * that has the request already may go on with it.
     *
     * @return false if there is no request
     */
    public boolean takeBackInstallation(UUID machineId, String reason) throws InterruptedException {
        return change(
                Verb.TAKE_BACK_INSTALLATION,
                machineId,
                "its installation was taken back",
                reason,
                db -> TagQueries.clearInstallationRequest(db, machineId)
                        && record(db, Entry.onMachine(Verb.TAKE_BACK_INSTALLATION, machineId, reason, null)));
    }

    /**
     * Gives up the session of a process that will not come back, without waiting for its deadline: what it holds is free
     * at the next reaping, within seconds while any process runs. A process that does live loses this session and starts
     * another.
     *
     * @return false if there is no such session, or it is dead already
     */
    public boolean endSession(UUID sessionId, String reason) throws InterruptedException {
        checkReason(reason);
        boolean ended = transactions.runAlone("ending session " + sessionId, db -> {
            Optional<String> session = db.dsl()
                    .update(SESSIONS)
                    .set(SESSIONS.SESSION_DEADLINE, DatabaseTime.transactionTime())
                    .where(SESSIONS.SESSION_ID.eq(sessionId))
                    .and(SESSIONS.SESSION_DEADLINE.gt(DatabaseTime.transactionTime()))
                    .returning(SESSIONS.SESSION_COMPONENT_NAME, SESSIONS.SESSION_RUNTIME_INFO)
                    .fetchOptional(
                            row -> "of %s on %s".formatted(row.getSessionComponentName(), row.getSessionRuntimeInfo()));
            session.ifPresent(whose -> record(
                    db, new Entry(Verb.END_SESSION, reason, null, null, "session " + sessionId + " " + whose, null)));
            return session.isPresent();
        });
        if (ended) {
            log.warn("Session {} was given up by {}: {}", sessionId, actor, Escaped.text(reason));
        }
        return ended;
    }

    /**
     * Deletes all that is recorded of a machine, except its history, which {@link Bmdb#history} still reads, and what
     * operators did to it. For a machine that the provider no longer has. One that it still has would be found and
     * recorded again, or be a fatal discrepancy.
     *
     * @return false if there is no such machine
     * @throws OperatorException if a session works on the machine; nothing was deleted
     */
    public boolean forget(UUID machineId, String reason) throws InterruptedException {
        return change(Verb.FORGET, machineId, "forgotten", reason, db -> {
            // Claims take this lock first: once it is held, no session can begin to work on the machine.
            if (db.dsl()
                    .selectOne()
                    .from(MACHINES)
                    .where(MACHINES.MACHINE_ID.eq(machineId))
                    .forUpdate()
                    .fetch()
                    .isEmpty()) {
                return false;
            }
            db.holds(machineId);
            if (db.dsl().fetchExists(WORK, WORK.MACHINE_ID.eq(machineId))) {
                throw new OperatorException(
                        OperatorException.Reason.WORKED_ON,
                        machineId,
                        "it is being worked on and cannot be forgotten now");
            }
            remember(db, machineId);
            record(db, Entry.onMachine(Verb.FORGET, machineId, reason, null));
            TagQueries.deleteMachine(db, machineId);
            return true;
        });
    }

    /** Does something to a machine in a transaction, and returns whether there was something to do. */
    @FunctionalInterface
    private interface Change {
        boolean run(Handle db) throws InterruptedException;
    }

    private boolean change(Verb verb, UUID machineId, String what, String reason, Change change)
            throws InterruptedException {
        checkReason(reason);
        boolean done = transactions.runAlone(verb + " of machine " + machineId, change::run);
        if (done) {
            log.info("Machine {}: {} by {}: {}", machineId, what, actor, Escaped.text(reason));
        }
        return done;
    }

    /** Keeps the machine's provider id, so that its history can be found. */
    private void remember(Handle db, UUID machineId) {
        db.dsl()
                .insertInto(
                        MACHINES_FORGOTTEN,
                        MACHINES_FORGOTTEN.MACHINE_ID,
                        MACHINES_FORGOTTEN.PROVIDER,
                        MACHINES_FORGOTTEN.PROVIDER_ID,
                        MACHINES_FORGOTTEN.FORGOTTEN_AT,
                        MACHINES_FORGOTTEN.FORGOTTEN_BY)
                .select(DSL.select(
                                MACHINES.MACHINE_ID,
                                MACHINE_PROVIDED.PROVIDER,
                                MACHINE_PROVIDED.PROVIDER_ID,
                                db.time().now(),
                                DSL.val(actor.name()))
                        .from(MACHINES)
                        .leftJoin(MACHINE_PROVIDED)
                        .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .where(MACHINES.MACHINE_ID.eq(machineId)))
                .onConflict(MACHINES_FORGOTTEN.MACHINE_ID)
                .doUpdate()
                .set(MACHINES_FORGOTTEN.FORGOTTEN_AT, db.time().now())
                .set(MACHINES_FORGOTTEN.FORGOTTEN_BY, actor.name())
                .execute();
        // An older version of this library, which may run beside this one, does not name the provider.
        db.dsl()
                .update(WORK_HISTORY)
                .set(WORK_HISTORY.PROVIDER, MACHINE_PROVIDED.PROVIDER)
                .set(WORK_HISTORY.PROVIDER_ID, MACHINE_PROVIDED.PROVIDER_ID)
                .from(MACHINE_PROVIDED)
                .where(WORK_HISTORY.MACHINE_ID.eq(machineId))
                .and(MACHINE_PROVIDED.MACHINE_ID.eq(machineId))
                .and(WORK_HISTORY.PROVIDER.isNull())
                .execute();
    }

    /**
     * Records an action on a machine in a transaction of the caller's, who does in it what the action is: for what this
     * class cannot do in one transaction.
     *
     * @param details what else there is to know; null if nothing
     */
    public void record(BmdbTransaction tx, Verb verb, UUID machineId, String reason, @Nullable String details) {
        checkReason(reason);
        record(Handle.of(tx.dsl()), Entry.onMachine(verb, machineId, reason, details));
    }

    /** Returns true, for the end of a condition. */
    private boolean record(Handle db, Entry entry) {
        ActionQueries.record(db, actor, List.of(entry));
        return true;
    }

    private static void lock(Handle db, UUID machineId) {
        if (!WorkQueries.lockMachine(db, machineId)) {
            throw new OperatorException(
                    OperatorException.Reason.UNKNOWN_MACHINE, machineId, "there is no such machine");
        }
    }

    private static void checkReason(String reason) {
        OperatorText.checkReason("reason", reason);
    }
}
