package dev.shepherd.testkit.ssh;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Executor;

/** Lets so many processes run at once and no more; the others wait their turn, first come, first served. */
final class ProcessSlots {

    private final int total;
    private final Executor executor;
    private final Object lock = new Object();
    private final Deque<Slot> waiting = new ArrayDeque<>();
    private int held;

    ProcessSlots(int total, Executor executor) {
        this.total = total;
        this.executor = executor;
    }

    /** Runs the task on the executor as soon as there is a free slot, which it then holds. Never blocks. */
    Slot whenFree(Runnable task) {
        Slot slot = new Slot(task);
        synchronized (lock) {
            if (held == total) {
                waiting.add(slot);
                return slot;
            }
            held++;
            slot.holds = true;
        }
        executor.execute(task);
        return slot;
    }

    /** A place in the queue, and then a slot. */
    final class Slot {
        private final Runnable task;
        private boolean holds;
        private boolean given;

        private Slot(Runnable task) {
            this.task = task;
        }

        /** Leaves the queue, or hands the slot to the next in it. Does nothing the second time. */
        void giveBack() {
            Slot next;
            synchronized (lock) {
                if (given) {
                    return;
                }
                given = true;
                if (!holds) {
                    waiting.remove(this);
                    return;
                }
                next = waiting.poll();
                if (next == null) {
                    held--;
                    return;
                }
                next.holds = true;
            }
            executor.execute(next.task);
        }
    }
}
