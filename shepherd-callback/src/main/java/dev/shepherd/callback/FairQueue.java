package dev.shepherd.callback;

import dev.shepherd.bmdb.threads.LastingThread;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Tasks that wait in lanes, and the threads that carry them out. The lanes take turns, and of each at most one task is
 * under way: however much waits in one, the next task of another has at most one task of every lane before it. Lanes
 * and the whole are bounded. A task that throws ends no thread.
 */
final class FairQueue implements AutoCloseable {

    private static final Duration LONGEST_STOP = Duration.ofSeconds(5);
    private static final Duration REST = Duration.ofMillis(100);

    /**
     * What is to be done. The lane goes on once {@code release} was run, by whatever thread; more than once is
     * harmless.
     */
    @FunctionalInterface
    interface Task {
        void run(Runnable release);
    }

    /** What became of an attempt to add a task. */
    enum Added {
        WAITING,
        LANE_FULL,
        FULL,
        CLOSED
    }

    private static final class Lane {
        private final Object key;
        private final Deque<Task> tasks = new ArrayDeque<>(2);

        Lane(Object key) {
            this.key = key;
        }
    }

    private final String name;
    private final int threadCount;
    private final int most;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition change = lock.newCondition();
    private final Map<Object, Lane> lanes = new HashMap<>();
    private final Deque<Lane> ready = new ArrayDeque<>();
    private final List<LastingThread> threads = new ArrayList<>();
    private int waiting;
    private boolean closed;

    FairQueue(String name, int threadCount, int most) {
        this.name = name;
        this.threadCount = threadCount;
        this.most = most;
    }

    void start() {
        lock.lock();
        try {
            for (int i = 1; i <= threadCount; i++) {
                threads.add(LastingThread.start(name + "-" + i, this::isClosed, REST, this::carryOutNext));
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Adds a task.
     *
     * @param key of the lane
     * @param mostInLane how many tasks may wait in that lane
     */
    Added add(Object key, int mostInLane, Task task) {
        lock.lock();
        try {
            if (closed) {
                return Added.CLOSED;
            }
            if (waiting >= most) {
                return Added.FULL;
            }
            Lane lane = lanes.get(key);
            if (lane == null) {
                lane = new Lane(key);
                lanes.put(key, lane);
                ready.add(lane);
                change.signal();
            } else if (lane.tasks.size() >= mostInLane) {
                return Added.LANE_FULL;
            }
            lane.tasks.add(task);
            waiting++;
            return Added.WAITING;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Has the calling thread carry out a task at once, if its lane is free; adds it otherwise. For tasks that cost no more
     * than a thread's turn would. What the task throws is thrown here then.
     */
    Added runOrAdd(Object key, int mostInLane, Task task) {
        Lane lane;
        lock.lock();
        try {
            if (closed || lanes.containsKey(key)) {
                return add(key, mostInLane, task);
            }
            lane = new Lane(key);
            lanes.put(key, lane);
        } finally {
            lock.unlock();
        }
        run(lane, task);
        return Added.WAITING;
    }

    int waiting() {
        lock.lock();
        try {
            return waiting;
        } finally {
            lock.unlock();
        }
    }

    private void carryOutNext() throws InterruptedException {
        Lane lane;
        Task task;
        lock.lockInterruptibly();
        try {
            while (ready.isEmpty()) {
                if (closed) {
                    return;
                }
                change.await();
            }
            lane = ready.remove();
            task = lane.tasks.remove();
            waiting--;
        } finally {
            lock.unlock();
        }
        run(lane, task);
    }

    private void run(Lane lane, Task task) {
        AtomicBoolean released = new AtomicBoolean();
        Runnable release = () -> {
            if (released.compareAndSet(false, true)) {
                release(lane);
            }
        };
        try {
            task.run(release);
        } catch (RuntimeException | Error e) {
            release.run();
            throw e;
        }
    }

    private void release(Lane lane) {
        lock.lock();
        try {
            if (lane.tasks.isEmpty()) {
                lanes.remove(lane.key);
            } else {
                ready.add(lane);
                change.signal();
            }
        } finally {
            lock.unlock();
        }
    }

    private boolean isClosed() {
        lock.lock();
        try {
            return closed;
        } finally {
            lock.unlock();
        }
    }

    /** Ends the threads. Tasks that wait are forgotten. */
    @Override
    public void close() {
        List<LastingThread> ending;
        lock.lock();
        try {
            closed = true;
            ready.clear();
            lanes.clear();
            waiting = 0;
            change.signalAll();
            ending = List.copyOf(threads);
        } finally {
            lock.unlock();
        }
        ending.forEach(LastingThread::interrupt);
        @Nullable InterruptedException interrupted = null;
        for (LastingThread thread : ending) {
            try {
                thread.awaitEnd(LONGEST_STOP);
            } catch (InterruptedException e) {
                interrupted = e;
            }
        }
        if (interrupted != null) {
            Thread.currentThread().interrupt();
        }
    }
}
