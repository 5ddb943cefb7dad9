package dev.shepherd.bmdb.recovery;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.disruption.DisruptionState;
import dev.shepherd.bmdb.disruption.MachineDisruption;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.internal.labels.LabelQueries;
import dev.shepherd.bmdb.labels.LabelLimit;
import dev.shepherd.bmdb.recovery.DisruptionQueries.Change;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * What gates say of taking down machines of one provider: what is held back, drained, approved and under way. Safe for use by
 * several threads.
 *
 * <p>The methods that take a transaction are called in the work that holds the machine.
 *
 * <p><strong>Why nothing is done without an approval, and with one only once.</strong> An approval is a row that names the work
 * which asked for it, and is written under that work's claim. It is taken up in the transaction of the last check, by the same
 * work, under the machine's lock: the row is no approval from then on. Who withdraws it, or lets it lapse, changes the same row.
 * When the process dies, its work is lost, and no other work can take the approval up.
 *
 * <p><strong>Why a limit holds.</strong> Approvals that count something are written under a lock that all providers share, and
 * count each approval from the moment it is written until its machine is well again, or the row is gone: it takes its place
 * before anything is done, and gives it back after.
 */
public final class Disruptions {

    /** How many that are over are ended at once. */
    private static final int MOST_ENDED = 100;

    private final Database database;
    private final ProviderType provider;
    private final RecoveryPolicy policy;

    private Disruptions(Database database, ProviderType provider, RecoveryPolicy policy) {
        this.database = database;
        this.provider = provider;
        this.policy = policy;
    }

    /** Binds the disruptions of a provider's machines to the policy that says when a machine is silent. */
    public static Disruptions of(Bmdb bmdb, ProviderType provider, RecoveryPolicy policy) {
        return new Disruptions(bmdb.unwrap(Database.class), provider, policy);
    }

    /**
     * What is known of a machine before the gates are asked.
     *
     * @param now the time by the database's clock
     * @param id what the disruption is called
     */
    public record Standing(Instant now, UUID id, Map<String, String> labels, Optional<MachineDisruption> disruption) {}

    /** Reads it. */
    public Standing standing(BmdbTransaction tx, UUID machineId) {
        Handle db = Handle.of(tx.dsl());
        Optional<MachineDisruption> disruption = DisruptionQueries.of(db, machineId);
        return new Standing(
                MachineQueries.now(db),
                disruption
                        .filter(before -> !isEndOwed(before))
                        .map(MachineDisruption::id)
                        .orElseGet(UUID::randomUUID),
                LabelQueries.of(db, List.of(machineId)).getOrDefault(machineId, Map.of()),
                disruption);
    }

    /** Tells whether it has ended, and drain hooks that were told of the beginning have yet to be told of that. */
    public static boolean isEndOwed(MachineDisruption disruption) {
        return disruption.drained()
                && (disruption.state() == DisruptionState.HELD_BACK || disruption.state() == DisruptionState.REFUSED);
    }

    /** Notes that they were told. */
    public void toldOfEnd(BmdbTransaction tx, MachineDisruption ended) {
        Handle db = Handle.of(tx.dsl());
        db.lock(ended.machineId());
        DisruptionEnds.toldOfEnd(db, ended);
    }

    /**
     * Records that a gate does not agree, and tells of it unless the same gate said so before. Where what was said is taken back
     * since the gates were asked, they are asked again, and what they said now counts no more.
     *
     * @param before what was known when they were asked
     * @param until when the gates are asked again; empty if it refuses for good
     * @return false if the same gate said the same before
     */
    public boolean holdBack(
            BmdbTransaction tx,
            Standing before,
            UUID machineId,
            UUID id,
            DisruptionKind kind,
            String gate,
            String why,
            Optional<Instant> until) {
        Handle db = Handle.of(tx.dsl());
        db.lock(machineId);
        DisruptionState state = until.isPresent() ? DisruptionState.HELD_BACK : DisruptionState.REFUSED;
        if (DisruptionQueries.of(db, machineId)
                .filter(now -> DisruptionQueries.isTakenBack(now, before.disruption()))
                .isPresent()) {
            return true;
        }
        // Not what is there now: it may have been approved in between, and drain hooks have failed.
        Optional<MachineDisruption> same =
                before.disruption().filter(said -> said.kind() == kind && said.state() == state);
        boolean isSameGate = same.flatMap(MachineDisruption::gate).equals(Optional.of(Escaped.text(gate)));
        if (!isSameGate) {
            db.tell(
                    EventKind.HELD_BACK,
                    machineId,
                    Map.of(
                            "action",
                            kind.databaseName(),
                            "gate",
                            gate,
                            "why",
                            why,
                            "forGood",
                            String.valueOf(until.isEmpty())));
        }
        DisruptionQueries.write(
                db,
                machineId,
                new Change(
                        id,
                        kind,
                        state,
                        until.orElse(null),
                        null,
                        null,
                        null,
                        gate,
                        why,
                        same.map(MachineDisruption::since).orElse(null)));
        return !isSameGate || !same.map(MachineDisruption::why).equals(Optional.of(Escaped.text(why)));
    }

    /** What leaves no room for another machine to go down, in words. */
    public record NoRoom(LabelLimit limit, String why) {}

    /**
     * Approves, if the limits leave room for it: the work may begin with it once.
     *
     * @param limits how many machines of each group may be down
     * @param drains whether drain hooks are about to be told that it begins
     * @param goodFor for how long it is good
     * @return what leaves no room; empty if it is approved
     */
    public Optional<NoRoom> approve(
            BmdbTransaction tx,
            Work work,
            UUID id,
            DisruptionKind kind,
            List<LabelLimit> limits,
            boolean drains,
            Duration goodFor) {
        Handle db = Handle.of(tx.dsl());
        UUID machineId = work.machineId();
        db.lock(machineId);
        Optional<NoRoom> full = full(db, machineId, limits);
        if (full.isEmpty()) {
            Instant deadline = MachineQueries.now(db).plus(goodFor);
            DisruptionQueries.write(
                    db,
                    machineId,
                    new Change(
                            id,
                            kind,
                            DisruptionState.APPROVED,
                            null,
                            deadline,
                            drains ? true : null,
                            work.claimId(),
                            null,
                            "",
                            null));
        }
        return full;
    }

    private Optional<NoRoom> full(Handle db, UUID machineId, List<LabelLimit> limits) {
        if (limits.isEmpty()) {
            return Optional.empty();
        }
        LabelRoom.takeTurn(db);
        boolean isUp = DisruptionQueries.isUp(db, policy, machineId);
        Map<String, String> labels = LabelQueries.of(db, List.of(machineId)).getOrDefault(machineId, Map.of());
        for (LabelLimit limit : limits) {
            Optional<Selector> group = limit.group(labels);
            int down = group.map(one -> DisruptionQueries.down(db, policy, one, machineId, isUp, limit.machines()))
                    .orElse(0);
            if (down >= limit.machines()) {
                return Optional.of(new NoRoom(
                        limit,
                        String.format(
                                Locale.ROOT,
                                "%d of at most %d with %s are down or being taken down",
                                down,
                                limit.machines(),
                                group.orElseThrow())));
            }
        }
        return Optional.empty();
    }

    /**
     * Has what was approved wait until work was moved away from the machine; does nothing if the approval was withdrawn meanwhile.
     *
     * @param deadline when that is over at the latest
     * @param until when to ask whether it is over already
     * @return false if it was withdrawn
     */
    public boolean drain(BmdbTransaction tx, Work work, Instant deadline, Instant until) {
        Handle db = Handle.of(tx.dsl());
        db.lock(work.machineId());
        return DisruptionQueries.drain(db, work.machineId(), work.claimId(), deadline, until);
    }

    /** Has a machine that is still being drained wait on, but not past the deadline. */
    public void drainOn(BmdbTransaction tx, UUID machineId, Instant until) {
        Handle db = Handle.of(tx.dsl());
        db.lock(machineId);
        DisruptionQueries.drainOn(db, machineId, until);
    }

    /**
     * Takes an approval up, in the transaction after which the machine goes down. Each is taken up once.
     *
     * @return false if the work has none, or none that is still good: then the machine must be left alone
     */
    public static boolean use(BmdbTransaction tx, UUID machineId, DisruptionKind kind, UUID claimId) {
        Handle db = Handle.of(tx.dsl());
        db.lock(machineId);
        return DisruptionQueries.use(db, machineId, kind, claimId);
    }

    /**
     * Reads what is over and has yet to be ended, and what drain hooks have yet to be told of. One statement on an empty table,
     * where no gate holds anything back.
     */
    public List<MachineDisruption> over() throws InterruptedException {
        return database.transactions()
                .read(
                        "the disruptions of provider " + provider + " that are over",
                        db -> DisruptionEnds.over(db, provider, policy, MOST_ENDED));
    }

    /**
     * Ends one of {@link #over} that drain hooks were told of, unless it has moved on. It is among those that are over again, and drain
     * hooks are told then: not before no other work can take it for drained.
     */
    public void oweEnd(BmdbSession session, MachineDisruption over) throws InterruptedException {
        session.useTransaction(tx -> {
            Handle db = Handle.of(tx.dsl());
            db.lock(over.machineId());
            DisruptionEnds.oweEnd(db, provider, policy, over);
        });
    }

    /**
     * Ends one of {@link #over}, unless it has moved on. To be called when drain hooks were told of it: should the process die
     * before, they are told again.
     */
    public void end(BmdbSession session, MachineDisruption over) throws InterruptedException {
        session.useTransaction(tx -> {
            Handle db = Handle.of(tx.dsl());
            db.lock(over.machineId());
            DisruptionEnds.end(db, provider, policy, over);
        });
    }
}
