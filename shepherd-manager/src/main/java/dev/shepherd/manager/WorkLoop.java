package dev.shepherd.manager;

import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkLostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Claims machines and works on several of them at once, each on a thread of its own.
 *
 * <p>A slow machine holds up nobody: whenever one is done, the next one is claimed. Every piece of work ends in the
 * database, whatever becomes of its thread: the task closes it, or the session does.
 */
final class WorkLoop {

    private static final Logger log = LoggerFactory.getLogger(WorkLoop.class);

    /** What to do with one machine. Ends the work by finishing or failing it; otherwise it is canceled. */
    @FunctionalInterface
    interface Task {
        void run(Work work) throws InterruptedException;
    }

    /** Takes up to so many machines to work on. */
    @FunctionalInterface
    interface Claimer {
        List<Work> claim(int limit) throws InterruptedException;
    }

    /** Says how long it is until more machines come up by themselves; empty if none will. */
    @FunctionalInterface
    interface NextDue {
        Optional<Duration> untilNext() throws InterruptedException;
    }

    private final String name;
    private final Claimer claimer;
    private final NextDue nextDue;
    private final int parallelism;
    private final Duration pollInterval;
    private final Backoff backoff;
    private final LoopMonitor monitor;
    private final Executor executor;
    private final Runnable wake;
    private final Task task;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition taskEnded = lock.newCondition();
    private final Set<Thread> working = new HashSet<>();
    private int running;
    private boolean closed;

    WorkLoop(
            String name,
            Claimer claimer,
            NextDue nextDue,
            int parallelism,
            Duration pollInterval,
            Backoff backoff,
            LoopMonitor monitor,
            Executor executor,
            Runnable wake,
            Task task) {
        this.name = name;
        this.claimer = claimer;
        this.nextDue = nextDue;
        this.parallelism = parallelism;
        this.pollInterval = pollInterval;
        this.backoff = backoff;
        this.monitor = monitor;
        this.executor = executor;
        this.wake = wake;
        this.task = task;
    }

    /** Fills the free places with claimed machines, and comes back when one is free again or there may be more. */
    ControlLoop.Next run() throws InterruptedException {
        int free = freePlaces();
        int claimed = free == 0 ? 0 : claim(free);
        if (claimed == free) {
            return new ControlLoop.Next(pollInterval, "one of the " + parallelism + " machines in progress to be done");
        }
        Duration delay = nextDue.untilNext()
                .filter(span -> span.compareTo(pollInterval) < 0)
                .orElse(pollInterval);
        return new ControlLoop.Next(delay, "a machine to work on; looks again in " + delay);
    }

    /** Claims as many machines as there are free places, and waits until all work is done. Returns how many. */
    int step() throws InterruptedException {
        int free = freePlaces();
        int claimed = free == 0 ? 0 : claim(free);
        lock.lock();
        try {
            while (running > 0) {
                taskEnded.await();
            }
        } finally {
            lock.unlock();
        }
        return claimed;
    }

    private int freePlaces() {
        lock.lock();
        try {
            return closed ? 0 : parallelism - running;
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
        lock.lock();
        try {
            running++;
        } finally {
            lock.unlock();
        }
        monitor.machineBegins();
        try {
            executor.execute(() -> runTask(work));
        } catch (RuntimeException | Error e) {
            // It is closed, or there is no room for another thread.
            monitor.machineGivenUp();
            ended();
            throw e;
        }
    }

    private void runTask(Work work) {
        Thread thread = Thread.currentThread();
        String threadName = thread.getName();
        thread.setName(name + " " + work.machineId());
        boolean go = begin(thread);
        try (work) {
            if (!go) {
                monitor.machineGivenUp();
                return;
            }
            runGuarded(work);
        } finally {
            end(thread);
            thread.setName(threadName);
            wake.run();
        }
    }

    private void runGuarded(Work work) {
        BmdbSession session = work.session();
        try (var guard = session.interruptOnLoss()) {
            task.run(work);
        } catch (InterruptedException e) {
            monitor.machineGivenUp();
            log.info("{}: given up, since the loop was closed or its session lost", work);
        } catch (SessionExpiredException | WorkLostException e) {
            monitor.machineGivenUp();
            log.warn("{}: given up: {}", work, Escaped.text(e.getMessage()));
        } catch (RuntimeException | Error e) {
            monitor.machineFailed(String.valueOf(e.getMessage()));
            log.error("{}: failed unexpectedly", work, Escaped.failure(e));
            backOff(work, "failed unexpectedly: " + e);
        }
    }

    /** Without a backoff, a machine that fails in a way that nobody foresaw would be claimed again at once. */
    private void backOff(Work work, String cause) {
        try {
            work.fail(backoff, cause);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            log.warn("{}: could not be backed off and is released instead: {}", work, Escaped.text(e.getMessage()));
        }
    }

    private boolean begin(Thread thread) {
        lock.lock();
        try {
            if (!closed) {
                working.add(thread);
            }
            return !closed;
        } finally {
            lock.unlock();
        }
    }

    /** Takes the thread out of reach of an interruption, and clears one that came too late to matter. */
    private void end(Thread thread) {
        lock.lock();
        try {
            working.remove(thread);
            Thread.interrupted();
            endedLocked();
        } finally {
            lock.unlock();
        }
    }

    private void ended() {
        lock.lock();
        try {
            endedLocked();
        } finally {
            lock.unlock();
        }
    }

    private void endedLocked() {
        running--;
        taskEnded.signalAll();
    }

    /** Interrupts all work and lets none begin; does not wait. */
    void requestClose() {
        lock.lock();
        try {
            closed = true;
            working.forEach(Thread::interrupt);
        } finally {
            lock.unlock();
        }
    }

    /** Waits until all work has ended. Returns false if some is still going on after the time given. */
    boolean awaitEnd(Duration limit) throws InterruptedException {
        long left = limit.toNanos();
        lock.lock();
        try {
            while (running > 0 && left > 0) {
                left = taskEnded.awaitNanos(left);
            }
            return running == 0;
        } finally {
            lock.unlock();
        }
    }
}
