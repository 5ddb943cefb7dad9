package dev.shepherd.manager.internal;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkLostException;
import dev.shepherd.bmdb.trace.Tracer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Claims machines and works on several of them at once, each on its own thread.
 *
 * <p>A slow machine holds up no other: whenever one is done, the next one is claimed. Every piece of work ends in the
 * database, no matter how its thread ends: the task closes it, or the session does.
 */
public final class WorkLoop {

    private static final Logger log = LoggerFactory.getLogger(WorkLoop.class);

    /** How long a claimed machine waits for a thread before it is released for others. */
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);

    private static final Duration LOOK_AGAIN = Duration.ofSeconds(1);

    /** What to do with one machine. Ends the work by finishing or failing it; otherwise it is canceled. */
    @FunctionalInterface
    public interface Task {
        public void run(Work work) throws InterruptedException;
    }

    /** Claims up to this many machines to work on. */
    @FunctionalInterface
    public interface Claimer {
        List<Work> claim(int limit) throws InterruptedException;
    }

    /** Returns how long it is until more machines become due by the passing of time; empty if none will. */
    @FunctionalInterface
    public interface NextDue {
        Optional<Duration> untilNext() throws InterruptedException;
    }

    /** It is not the machine's fault, as a rule. */
    private static final Backoff AFTER_AN_OUTAGE = Backoff.builder()
            .initial(Duration.ofSeconds(1))
            .exponent(2)
            .maximum(Duration.ofMinutes(15))
            .build();

    private final String name;
    private final Claimer claimer;
    private final NextDue nextDue;
    private final int parallelism;
    private final Duration pollInterval;
    private final Backoff backoff;
    private final ProviderType provider;
    private final LoopMonitor monitor;
    private final Tracer tracer;
    private final Executor executor;
    private final Runnable wake;
    private final Task task;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition taskEnded = lock.newCondition();
    private final Set<Dispatched> inHand = new LinkedHashSet<>();
    private boolean closed;

    /**
     * How much is done at once, and how often the loop looks.
     *
     * @param backoff for work that fails unexpectedly
     */
    public record Pace(int parallelism, Duration pollInterval, Backoff backoff) {}

    public WorkLoop(String name, LoopContext context, Pace pace, Claimer claimer, NextDue nextDue, Task task) {
        this.name = name;
        this.claimer = claimer;
        this.nextDue = nextDue;
        this.parallelism = pace.parallelism();
        this.pollInterval = pace.pollInterval();
        this.backoff = pace.backoff();
        this.provider = context.provider().type();
        this.monitor = context.monitor();
        this.tracer = context.bmdb().tracer();
        this.executor = context.executor();
        this.wake = context.wake();
        this.task = task;
    }

    /** Fills the free places with claimed machines, and comes back when one is free again or there may be more. */
    public ControlLoop.Next run() throws InterruptedException {
        releaseWaiting();
        int free = freePlaces();
        int claimed = free == 0 ? 0 : claim(free);
        if (claimed == free) {
            return new ControlLoop.Next(pollInterval, "one of the " + parallelism + " machines in progress to be done");
        }
        Duration delay = nextDue.untilNext()
                .filter(span -> span.compareTo(pollInterval) < 0)
                .orElse(pollInterval);
        return new ControlLoop.Next(delay, "a machine to work on");
    }

    /** Claims as many machines as there are free places, and waits until all work is done. Returns how many. */
    public int step() throws InterruptedException {
        int free = freePlaces();
        int claimed = free == 0 ? 0 : claim(free);
        lock.lock();
        try {
            while (!inHand.isEmpty()) {
                if (taskEnded.awaitNanos(LOOK_AGAIN.toNanos()) <= 0) {
                    lock.unlock(); // Releasing calls the database.
                    try {
                        releaseWaiting();
                    } finally {
                        lock.lock();
                    }
                }
            }
        } finally {
            lock.unlock();
        }
        return claimed;
    }

    private int freePlaces() {
        lock.lock();
        try {
            return closed ? 0 : parallelism - inHand.size();
        } finally {
            lock.unlock();
        }
    }

    private int claim(int limit) throws InterruptedException {
        List<Work> claimed = new ArrayList<>(claimer.claim(limit));
        int count = claimed.size();
        try {
            while (!claimed.isEmpty()) {
                dispatch(claimed.get(0));
                claimed.remove(0);
            }
        } finally {
            claimed.forEach(Work::close);
        }
        return count;
    }

    private void dispatch(Work work) {
        Dispatched dispatched = new Dispatched(work);
        lock.lock();
        try {
            inHand.add(dispatched);
        } finally {
            lock.unlock();
        }
        monitor.machineBegins();
        try {
            executor.execute(dispatched);
        } catch (RuntimeException | Error e) {
            // It is closed, or there is no room for another thread.
            if (dispatched.giveUp()) {
                monitor.machineGivenUp();
            }
            throw e;
        }
    }

    /** A piece of work on its way from the claim to its end. */
    private final class Dispatched implements Runnable {
        private final Work work;
        private final long dispatchedAt = System.nanoTime();
        private @Nullable Thread thread;

        Dispatched(Work work) {
            this.work = work;
        }

        @Override
        public void run() {
            Thread current = Thread.currentThread();
            String threadName = current.getName();
            if (!begin(current)) {
                return; // It was given up while it waited, and the thread that did so releases it.
            }
            try (WorkContext about = WorkContext.of(tracer, provider, work);
                    work) {
                current.setName(name + " " + work.machineId());
                runGuarded(work, about);
            } catch (RuntimeException | Error e) {
                // Such as an error while a failure was reported. The work is closed, or closing it is retried.
                logLast(e);
            } finally {
                end();
                current.setName(threadName);
                wake.run();
            }
        }

        private boolean begin(Thread current) {
            lock.lock();
            try {
                if (!inHand.contains(this)) {
                    return false;
                }
                thread = current;
                return true;
            } finally {
                lock.unlock();
            }
        }

        /** Takes the thread out of reach of an interruption, and clears one that came too late to matter. */
        private void end() {
            lock.lock();
            try {
                inHand.remove(this);
                thread = null;
                Thread.interrupted();
                taskEnded.signalAll();
            } finally {
                lock.unlock();
            }
        }

        /** Keeps it from beginning. Returns false if it has. */
        private boolean giveUp() {
            lock.lock();
            try {
                boolean waits = thread == null && inHand.remove(this);
                taskEnded.signalAll();
                return waits;
            } finally {
                lock.unlock();
            }
        }

        private boolean waitsTooLong() {
            return thread == null && System.nanoTime() - dispatchedAt > LONGEST_WAIT.toNanos();
        }
    }

    /** Releases machines that were claimed and get no thread, so that another process can work on them. */
    private void releaseWaiting() {
        List<Dispatched> waiting;
        int all;
        lock.lock();
        try {
            waiting = inHand.stream().filter(Dispatched::waitsTooLong).toList();
            all = inHand.size();
        } finally {
            lock.unlock();
        }
        if (waiting.isEmpty()) {
            return;
        }
        String told = String.format(
                Locale.ROOT,
                "%d of %d claimed machines got no executor thread within %d s and are released: the executor"
                        + " must run %d"
                        + " machines of this loop at once",
                waiting.size(),
                all,
                LONGEST_WAIT.toSeconds(),
                parallelism);
        log.warn("{}: {}", name, told);
        monitor.error(told);
        for (Dispatched one : waiting) {
            if (one.giveUp()) {
                monitor.machineGivenUp();
                one.work.close();
            }
        }
    }

    private void logLast(Throwable e) {
        try {
            log.error("{}: the end of the work on a machine failed unexpectedly", name, Escaped.failure(e));
        } catch (RuntimeException | Error again) {
            // Nothing is left to be done about it.
        }
    }

    private void runGuarded(Work work, WorkContext about) {
        BmdbSession session = work.session();
        try (var guard = session.interruptOnLoss()) {
            task.run(work);
        } catch (InterruptedException e) {
            monitor.machineGivenUp();
            log.info("{}: given up, since the loop was closed or its session lost", work);
        } catch (SessionExpiredException | WorkLostException e) {
            monitor.machineGivenUp();
            log.warn("{}: given up: {}", work, Escaped.text(e.getMessage()));
        } catch (BmdbException e) {
            if (e.isDatabaseAway()) {
                monitor.machineGivenUp();
                log.warn(
                        "{}: given up, since the database could not be reached: {}",
                        work,
                        Escaped.text(e.getMessage()));
                end(
                        work,
                        () -> work.giveUp(
                                AFTER_AN_OUTAGE,
                                new Work.Cause("database_away", "the database could not be reached: " + e.getMessage()),
                                tx -> {}));
            } else {
                failed(work, about, e);
            }
        } catch (RuntimeException | Error e) {
            failed(work, about, e);
        }
    }

    private void failed(Work work, WorkContext about, Throwable e) {
        // First: telling of it may fail too.
        end(work, () -> work.fail(backoff, new Work.Cause("unexpected", "failed unexpectedly: " + e)));
        about.failed(e);
        monitor.machineFailed(String.valueOf(e.getMessage()));
        log.error("{}: failed unexpectedly", work, Escaped.failure(e));
    }

    /** Ends the work with a backoff: without one, it would be claimed again at once, and might fail again at once. */
    private void end(Work work, Ending ending) {
        try {
            ending.write();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException | Error e) {
            log.warn("{}: could not be backed off and is released instead: {}", work, Escaped.text(e.getMessage()));
        }
    }

    @FunctionalInterface
    private interface Ending {
        void write() throws InterruptedException;
    }

    /**
     * Interrupts all work and keeps more from beginning; does not wait. Work that has not begun is left to the end of
     * its session.
     */
    public void requestClose() {
        lock.lock();
        try {
            closed = true;
            for (Dispatched one : List.copyOf(inHand)) {
                Thread thread = one.thread;
                if (thread != null) {
                    thread.interrupt();
                } else if (one.giveUp()) {
                    monitor.machineGivenUp();
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /** Waits until all work has ended. Returns false if some is still going on after the time given. */
    public boolean awaitEnd(Duration limit) throws InterruptedException {
        long left = limit.toNanos();
        lock.lock();
        try {
            while (!inHand.isEmpty() && left > 0) {
                left = taskEnded.awaitNanos(left);
            }
            return inHand.isEmpty();
        } finally {
            lock.unlock();
        }
    }
}
