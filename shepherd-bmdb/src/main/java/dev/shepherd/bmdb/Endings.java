package dev.shepherd.bmdb;

import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineLockedException;
import dev.shepherd.bmdb.internal.PreparedSql;
import dev.shepherd.bmdb.internal.SqlStates;
import dev.shepherd.bmdb.internal.Transactions;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.internal.WorkQueries.Claim;
import dev.shepherd.bmdb.internal.WorkQueries.End;
import dev.shepherd.bmdb.trace.Span;
import dev.shepherd.bmdb.trace.SpanName;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a session ends its work: alone, in one transaction with others that end at the same moment, or all at once; and
 * what became of an end whose commit broke. Callers hold the lock of each {@link Work}. Safe for use by several
 * threads.
 */
final class Endings {

    private static final Logger log = LoggerFactory.getLogger(Endings.class);

    private final BmdbSession session;
    private final EndingQueue queue;
    private final Queue<Work> abandoned = new ConcurrentLinkedQueue<>();

    Endings(BmdbSession session) {
        this.session = session;
        this.queue = new EndingQueue(session::requireNoTransaction, this::write);
    }

    /** Ends a piece of work, perhaps in one transaction with others that end at the same moment. */
    void end(Ending<?> ending) throws InterruptedException {
        span(ending.work()).run(span -> {
            endInQueue(ending);
            return span.tag("outcome", ending.event());
        });
    }

    private void endInQueue(Ending<?> ending) throws InterruptedException {
        try {
            queue.end(ending);
            ended(ending);
        } catch (CommitOutcomeUnknownException e) {
            resolve(ending, e);
        }
    }

    private Span span(Work work) {
        return span(work.process(), work.provider()).detail("machine", work.machineId());
    }

    private Span span(WorkProcess process, String provider) {
        return session.tracer()
                .span(SpanName.WORK_END)
                .tag("provider", provider)
                .tag("process", process.name())
                .detail("session", session.id());
    }

    private static void ended(Ending<?> ending) {
        if (!ending.wasHeld()) {
            throw ending.work().lost();
        }
        ending.work().hasEnded(ending.event());
    }

    /**
     * Writes several ends in one transaction; those of work that is still held.
     *
     * @throws MachineLockedException if another transaction keeps one of the machines locked; nothing was written
     */
    private void write(List<Ending<?>> endings) throws InterruptedException {
        write(endings, (tx, held) -> {
            for (Ending<?> ending : held) {
                ending.write(tx);
            }
        });
    }

    /** What is written before the ends. */
    private interface Writing {
        void write(BmdbTransaction tx, List<Ending<?>> held) throws InterruptedException;
    }

    private void write(List<Ending<?>> endings, Writing writing) throws InterruptedException {
        PreparedSql<UUID> locking = WorkQueries.lock(
                session.id(), endings.stream().map(Ending::claim).toList());
        AtomicBoolean gotTheLocks = new AtomicBoolean();
        try {
            session.inTransaction(db -> locking, (tx, locked) -> {
                gotTheLocks.set(true);
                Set<UUID> claims = Set.copyOf(locked);
                endings.forEach(ending -> ending.found(tx, claims.contains(ending.claimId())));
                List<Ending<?>> held = endings.stream().filter(Ending::wasHeld).toList();
                writing.write(tx, held);
                held.forEach(ending -> tell(tx.handle(), ending));
                tx.handle()
                        .last(WorkQueries.end(
                                tx.handle(),
                                session.id(),
                                held.stream().map(Ending::end).toList()));
                List<Claim> repeated = held.stream()
                        .filter(ending -> !ending.isKept())
                        .map(Ending::claim)
                        .toList();
                if (!repeated.isEmpty()) {
                    WorkQueries.forget(tx.handle(), repeated);
                }
                return true;
            });
        } catch (BmdbException e) {
            // What is written may have to wait for locks too, and that is another matter.
            if (!gotTheLocks.get() && SqlStates.isLockTimeout(e)) {
                throw new MachineLockedException(e);
            }
            throw e;
        }
    }

    private static void tell(Handle db, Ending<?> ending) {
        End end = ending.end();
        if (ending.isAttempt() && ending.work().process().equals(WorkProcess.AGENT_START) && end.cause() != null) {
            db.tell(
                    EventKind.TAKEOVER_FAILED,
                    ending.machineId(),
                    Map.of(
                            "cause",
                            WorkQueries.shorten(end.cause()),
                            "ended",
                            end.event().databaseName()));
        }
    }

    /** See {@link BmdbSession#finishAll}. Takes the locks of the work itself. */
    void finishAll(Collection<Work> all, Work.Body body) throws InterruptedException {
        // In one order, so that two threads with the same work do not wait for one another.
        List<Work> works = all.stream()
                .distinct()
                .sorted(Comparator.comparing(Work::claimId))
                .toList();
        Failures failures = new Failures();
        works.forEach(Work::lock);
        try {
            List<Work> held = new ArrayList<>();
            for (Work work : works) {
                failures.catchFrom(() -> {
                    work.requireHeld();
                    held.add(work);
                });
            }
            Work one = works.get(0);
            span(one.process(), one.provider()).detail("ended", held.size()).run(span -> {
                finishHeld(held, body, failures);
                failures.first().ifPresentOrElse(span::failed, () -> span.tag("outcome", WorkEvent.FINISHED));
                return true;
            });
        } finally {
            works.forEach(Work::unlock);
        }
        failures.throwFirst();
    }

    private void finishHeld(List<Work> held, Work.Body body, Failures failures) throws InterruptedException {
        List<Ending<?>> endings = new ArrayList<>();
        for (Work work : held) {
            endings.add(Ending.finished(work, tx -> {
                body.run(tx, List.of(work));
                return true;
            }));
        }
        CommitOutcomeUnknownException unknown = null;
        boolean together = false;
        try {
            write(endings, (tx, still) -> {
                if (!still.isEmpty()) {
                    body.run(tx, still.stream().map(Ending::work).toList());
                }
            });
            together = true;
        } catch (CommitOutcomeUnknownException e) {
            unknown = e;
        } catch (SessionExpiredException e) {
            throw e; // So would each alone.
        } catch (RuntimeException e) {
            log.debug(
                    "{} piece(s) of work could not be ended together, ending each alone",
                    endings.size(),
                    Escaped.failure(e));
        }
        List<Ending<?>> locked = new ArrayList<>();
        for (Ending<?> ending : endings) {
            CommitOutcomeUnknownException broken = unknown;
            boolean written = together;
            failures.catchFrom(() -> {
                if (broken != null) {
                    resolve(ending, broken);
                } else if (written) {
                    ended(ending);
                } else if (!tryEnd(ending)) {
                    locked.add(ending);
                }
            });
        }
        // Those that have to wait do so when all others have ended.
        for (Ending<?> ending : locked) {
            failures.catchFrom(() -> endInQueue(ending));
        }
    }

    /** Ends it alone. Returns false if another transaction keeps the machine locked. */
    private boolean tryEnd(Ending<?> ending) throws InterruptedException {
        try {
            write(List.of(ending));
            ended(ending);
        } catch (MachineLockedException e) {
            return false;
        } catch (CommitOutcomeUnknownException e) {
            resolve(ending, e);
        }
        return true;
    }

    /** Collects what fails while the rest goes on. */
    private static final class Failures {
        private @Nullable RuntimeException first;

        private interface Part {
            void run() throws InterruptedException;
        }

        void catchFrom(Part part) throws InterruptedException {
            try {
                part.run();
            } catch (RuntimeException e) {
                if (first == null) {
                    first = e;
                } else {
                    first.addSuppressed(e);
                }
            }
        }

        Optional<RuntimeException> first() {
            return Optional.ofNullable(first);
        }

        void throwFirst() {
            if (first != null) {
                throw first;
            }
        }
    }

    /**
     * Finds out whether an ending was committed, and repeats it if not.
     *
     * <p>The row of this claim and its history change in one transaction, so the history tells. While the broken
     * transaction is still running in the server, it holds the row: the repeated one waits for it, finds the row
     * gone and reads the history after that. An end that the history forgets takes the beginning with it, which every other
     * end leaves there.
     */
    private void resolve(Ending<?> ending, CommitOutcomeUnknownException unknown) throws InterruptedException {
        Work work = ending.work();
        log.warn("{}: {}; asking the database whether it did", work, unknown.getMessage());
        try {
            queue.endPatiently(ending);
            if (!ending.wasHeld() && !isRecorded(ending, unknown)) {
                throw work.lost();
            }
            work.hasEnded(ending.event());
        } catch (SessionExpiredException e) {
            // The session cannot be reaped before its transactions have ended. So where it is gone, this claim's
            // row with it, the history is final.
            if (readAfter(unknown, db -> WorkQueries.exists(db, work.claimId(), work.machineId()))) {
                unknown.addSuppressed(e);
                throw unknown;
            }
            if (!isRecorded(ending, unknown)) {
                throw e;
            }
            work.hasEnded(ending.event());
        } catch (WorkLostException e) {
            throw e;
        } catch (BmdbException e) {
            unknown.addSuppressed(e);
            throw unknown;
        }
    }

    private boolean isRecorded(Ending<?> ending, CommitOutcomeUnknownException unknown) throws InterruptedException {
        return readAfter(
                unknown,
                db -> ending.isKept()
                        ? WorkQueries.isRecorded(db, ending.claimId(), ending.machineId(), ending.event())
                        : !WorkQueries.isRecorded(db, ending.claimId(), ending.machineId(), WorkEvent.STARTED));
    }

    private boolean readAfter(CommitOutcomeUnknownException unknown, Transactions.Body<Boolean> question)
            throws InterruptedException {
        try {
            return session.read(question);
        } catch (BmdbException e) {
            unknown.addSuppressed(e);
            throw unknown;
        }
    }

    /**
     * Cancels work without a result. Never throws: what cannot be cancelled now is released with a later heartbeat.
     *
     * @return whether the work has ended
     */
    boolean cancel(Work work) {
        try {
            return span(work).run(span -> {
                writeCancellation(work);
                span.tag("outcome", WorkEvent.CANCELED);
                return true;
            });
        } catch (SessionExpiredException e) {
            return true; // It went, or will go, with the session.
        } catch (InterruptedException e) {
            abandon(work);
            Thread.currentThread().interrupt();
        } catch (RuntimeException | Error e) {
            // Abandoned first: where there is no memory, that may be all that can still be done.
            abandon(work);
            log.warn("{} could not be released and is released with a later heartbeat: {}", work, e.getMessage());
        }
        return false;
    }

    private void writeCancellation(Work work) throws InterruptedException {
        session.useTransaction(tx -> {
            Handle db = tx.handle();
            db.dsl().select(Transactions.IN_A_HURRY).fetch(); // It is tried again later.
            // The claim may still be on its way in: one whose commit broke, and which the server may not have carried
            // out yet.
            db.lock(work.machineId());
            WorkQueries.end(db, session.id(), List.of(Ending.canceled(work).end()))
                    .fetch(db);
        });
    }

    /** Remembers work whose cancellation could not be written, so that a later heartbeat writes it. */
    void abandon(Work work) {
        abandoned.add(work);
    }

    void releaseAbandoned() {
        for (Work work = abandoned.poll(); work != null; work = abandoned.poll()) {
            if (!work.tryCancel()) {
                return; // It put itself back in line.
            }
        }
    }
}
