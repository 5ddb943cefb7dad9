package dev.shepherd.bmdb.internal;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_DUE;
import static org.jooq.impl.DSL.any;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.greatest;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.select;

import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.WorkQueries.Claim;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.Record1;
import org.jooq.SelectConditionStep;
import org.jooq.TableField;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The statements on {@code work_due}, the queue of machines that have something due.
 *
 * <p>The database keeps the queue correct no matter who writes the tags: see {@code
 * docs/decisions/0007-the-due-queue.md}. It holds, for each machine and process, a moment that is never later than the
 * one from which on the machine can be claimed. For agent start and for what is scheduled it is that very moment. For
 * recovery it is earlier: heartbeats do not touch the queue, and the spans of silence are a recoverer's setting. So a
 * recoverer looks at what has come up, and postpones what is not due yet.
 *
 * <p>An entry never makes a machine claimable: every claim asks the definition again, under the machine's lock.
 */
public final class DueQueue {

    private static final Logger log = LoggerFactory.getLogger(DueQueue.class);

    /** What comes before every machine. */
    public static final UUID FIRST = new UUID(0, 0);

    /** How many entries one statement postpones or rebuilds. */
    private static final int CHUNK = 2000;

    /** How long an entry without a known reason is postponed. */
    private static final Duration SETBACK = Duration.ofMinutes(1);

    /** By how much an entry is postponed at least. */
    public static final Duration LEAST_PUT_OFF = Duration.ofSeconds(1);

    private static final int ROUNDS = 3;

    private static final Field<OffsetDateTime> NEVER =
            field("'infinity'::timestamptz", SQLDataType.TIMESTAMPWITHTIMEZONE);
    private final Handle db;

    public DueQueue(Handle db) {
        this.db = db;
    }

    /**
     * The part of the queue that one kind of claimer looks at.
     *
     * @param process what is due
     * @param provider whose machines; empty for what is scheduled, which is looked for over all providers
     */
    public record Part(WorkProcess process, String provider) {

        public static Part scheduled(WorkProcess process) {
            return new Part(process, "");
        }

        Condition condition() {
            return WORK_DUE.PROCESS.eq(process.name()).and(WORK_DUE.PROVIDER.eq(provider));
        }
    }

    /**
     * A machine that was looked at.
     *
     * @param claimId empty if the queue names a machine that cannot be claimed
     */
    public record Looked(UUID machineId, @Nullable UUID claimId, OffsetDateTime dueAt) {}

    /**
     * What claims machines for agent start, or for what is scheduled. Claimers at the same time take different
     * machines, for the reasons given at {@link WorkQueries#claim}.
     *
     * @param from skips what was due earlier
     */
    public static PreparedSql<Looked> claiming(
            Handle db, UUID sessionId, Part part, Optional<OffsetDateTime> from, int limit) {
        return new PreparedSql<>(
                "select machine_id, claim_id, due_at from work_claim(?, ?, ?, ?::timestamptz, ?, ?::interval)",
                row -> new Looked(
                        row.getObject(1, UUID.class),
                        row.getObject(2, UUID.class),
                        row.getObject(3, OffsetDateTime.class)),
                sessionId,
                part.process().name(),
                part.provider(),
                from.map(OffsetDateTime::toString).orElse("-infinity"),
                limit,
                db.time().ahead());
    }

    /** Looks at the queue from its beginning. */
    public List<Looked> look(UUID sessionId, Part part, int limit) {
        return claiming(db, sessionId, part, Optional.empty(), limit).fetch(db);
    }

    /**
     * Interprets what was looked at, and repairs the queue where it named machines that cannot be claimed. If there was
     * nothing else, looks again a few times.
     */
    public List<Claim> claims(UUID sessionId, Part part, int limit, List<Looked> first) {
        List<Looked> looked = first;
        for (int round = 1; ; round++) {
            List<Claim> claims = new ArrayList<>();
            List<UUID> left = new ArrayList<>();
            for (Looked one : looked) {
                if (one.claimId() == null) {
                    left.add(one.machineId());
                } else {
                    claims.add(new Claim(one.machineId(), one.claimId()));
                }
            }
            if (!left.isEmpty()) {
                putRight(part, left.toArray(UUID[]::new));
            }
            if (!claims.isEmpty() || looked.isEmpty() || round == ROUNDS) {
                return claims;
            }
            looked = look(sessionId, part, limit);
        }
    }

    /** Claims what has come up and is eligible, the oldest machines first. */
    public List<Claim> claim(UUID sessionId, Part part, Condition eligible, int limit) {
        Condition claimable = WorkQueries.claimable(db, part.process(), eligible);
        UUID[] candidates = dueNow(part, limit, claimable);
        return candidates.length == 0
                ? List.of()
                : WorkQueries.insert(
                        db,
                        sessionId,
                        part.process(),
                        MACHINES.MACHINE_ID.eq(any(candidates)).and(claimable));
    }

    /** Locks the machines whose entries have come up, except those that another transaction has locked. */
    private UUID[] dueNow(Part part, int limit, Condition which) {
        return due(part)
                .and(which)
                .orderBy(MACHINES.MACHINE_CREATED_AT, WORK_DUE.MACHINE_ID)
                .limit(limit)
                .forNoKeyUpdate()
                .of(MACHINES)
                .skipLocked()
                .fetch()
                .stream()
                .map(Record1::value1)
                .toArray(UUID[]::new);
    }

    private SelectConditionStep<Record1<UUID>> due(Part part) {
        return db.dsl()
                .select(MACHINES.MACHINE_ID)
                .from(WORK_DUE)
                .join(MACHINES)
                .on(MACHINES.MACHINE_ID.eq(WORK_DUE.MACHINE_ID))
                .where(part.condition())
                .and(WORK_DUE.DUE_AT.le(db.time().now()));
    }

    /**
     * Asks which machines have come up. To be used as the first of a query's conditions: what is looked at then follows
     * what is due, and not the fleet.
     */
    public static Condition isUp(Handle db, Part part) {
        return MACHINES.MACHINE_ID.in(select(WORK_DUE.MACHINE_ID)
                .from(WORK_DUE)
                .where(part.condition())
                .and(WORK_DUE.DUE_AT.le(db.time().now())));
    }

    /** The same of a process, over all providers. */
    public static Condition isUp(Handle db, WorkProcess process) {
        return MACHINES.MACHINE_ID.in(select(WORK_DUE.MACHINE_ID)
                .from(WORK_DUE)
                .where(WORK_DUE.PROCESS.eq(process.name()))
                .and(WORK_DUE.DUE_AT.le(db.time().now())));
    }

    /**
     * Repairs the entries of machines that were looked at and could not be claimed. Most of them were claimed by
     * another session in the meantime. Entries without a reason are deleted; those that ought to be claimable and are
     * not go to the back of the queue, so that they do not keep others from being looked at.
     */
    private void putRight(Part part, UUID[] machineIds) {
        arm(machineIds);
        int stuck = db.dsl()
                .update(WORK_DUE)
                .set(WORK_DUE.DUE_AT, db.time().nowPlus(SETBACK))
                .where(WORK_DUE.MACHINE_ID.eq(any(machineIds)))
                .and(part.condition())
                .and(WORK_DUE.DUE_AT.le(db.time().now()))
                .execute();
        if (stuck > 0) {
            log.info(
                    "{}: {} machine(s) are in the queue but cannot be claimed; looking at them again in {}",
                    part.process(),
                    stuck,
                    Spans.text(SETBACK));
        }
    }

    /** Rebuilds the entries of some machines. */
    private void arm(UUID[] machineIds) {
        db.dsl().fetch("select work_due_arm({0})", DSL.val(machineIds, SQLDataType.UUID.getArrayDataType()));
    }

    /**
     * Postpones some of the entries that have come up too early. Each is looked at again at the first moment at which
     * its machine can be due, regardless of events that do not touch the queue: a heartbeat only makes that later, and
     * for what makes it earlier, a change of the machine's tags, the database renews the entry.
     *
     * @param soonest that moment, for the machine of {@code machines}
     * @return whether there were any. Then there may be more, and the transaction should be committed before they are
     *     looked for: it holds the locks of their machines
     */
    public boolean putOff(Part part, Field<OffsetDateTime> soonest) {
        Condition early = part.condition()
                .and(WORK_DUE.DUE_AT.le(db.time().now()))
                .and(soonest.gt(db.time().now()));
        UUID[] machineIds = db
                .dsl()
                .select(MACHINES.MACHINE_ID)
                .from(WORK_DUE)
                .join(MACHINES)
                .on(MACHINES.MACHINE_ID.eq(WORK_DUE.MACHINE_ID))
                .where(early)
                .orderBy(WORK_DUE.DUE_AT, WORK_DUE.MACHINE_ID)
                .limit(CHUNK)
                .forNoKeyUpdate()
                .of(MACHINES)
                .skipLocked()
                .fetch()
                .stream()
                .map(Record1::value1)
                .toArray(UUID[]::new);
        if (machineIds.length == 0) {
            return false;
        }
        // A separate statement: its snapshot is taken under the machines' locks.
        db.dsl()
                .update(WORK_DUE)
                .set(WORK_DUE.DUE_AT, greatest(soonest, db.time().nowPlus(LEAST_PUT_OFF)))
                .from(MACHINES)
                .where(WORK_DUE.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(WORK_DUE.MACHINE_ID.eq(any(machineIds)))
                .and(early)
                .execute();
        return true;
    }

    /** Returns how long it is until the next machine comes up; empty if none will unless something changes. */
    public Optional<Duration> untilNext(Part part) {
        Field<Long> millis = field(
                "ceil(extract(epoch from {0} - {1}) * 1000)::bigint",
                Long.class, WORK_DUE.DUE_AT, db.time().now());
        return db.dsl()
                .select(millis)
                .from(WORK_DUE)
                .where(part.condition())
                .and(WORK_DUE.DUE_AT.gt(db.time().now()))
                .and(WORK_DUE.DUE_AT.lt(NEVER))
                .orderBy(WORK_DUE.DUE_AT)
                .limit(1)
                .fetchOptional(millis)
                .map(Duration::ofMillis);
    }

    /**
     * Rebuilds the next entries of a part, in the order of their machines' ids.
     *
     * @param after the last machine of the chunk before; all zeros for the first chunk
     * @return the last machine of this chunk; empty if there was none left
     */
    public Optional<UUID> armNext(Part part, UUID after) {
        return armNext(WORK_DUE.MACHINE_ID, part.condition(), after);
    }

    /** Rebuilds the entries of the next machines; otherwise as {@link #armNext(Part, UUID)}. */
    public Optional<UUID> armNext(UUID after) {
        return armNext(MACHINES.MACHINE_ID, DSL.noCondition(), after);
    }

    private <R extends Record> Optional<UUID> armNext(TableField<R, UUID> id, Condition which, UUID after) {
        return armed(db
                .dsl()
                .select(id)
                .from(Objects.requireNonNull(id.getTable()))
                .where(which)
                .and(id.gt(after))
                .orderBy(id)
                .limit(CHUNK)
                .fetch()
                .stream()
                .map(Record1::value1)
                .toArray(UUID[]::new));
    }

    /** Drops the entries of machines that do not exist. Returns how many there were. */
    public int sweep() {
        return db.dsl()
                .deleteFrom(WORK_DUE)
                .where(not(
                        DSL.exists(DSL.selectOne().from(MACHINES).where(MACHINES.MACHINE_ID.eq(WORK_DUE.MACHINE_ID)))))
                .execute();
    }

    private Optional<UUID> armed(UUID[] machineIds) {
        if (machineIds.length == 0) {
            return Optional.empty();
        }
        arm(machineIds);
        return Optional.of(machineIds[machineIds.length - 1]);
    }
}
