package dev.shepherd.bmdb.internal.event;

import dev.shepherd.bmdb.event.ShepherdEvent;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Events of a transaction whose commit is under way. Safe for use by several threads. */
public final class Announcement {

    /** What has come of the transaction. */
    enum Outcome {
        COMMITTED,
        ROLLED_BACK,

        /** The connection broke during the commit, or the commit takes too long. */
        UNKNOWN
    }

    static final Announcement NOTHING = new Announcement(List.of());

    private final List<ShepherdEvent> events;
    private final CountDownLatch settled = new CountDownLatch(1);
    private volatile Outcome outcome = Outcome.UNKNOWN;

    Announcement(List<ShepherdEvent> events) {
        this.events = events;
    }

    List<ShepherdEvent> events() {
        return events;
    }

    /** Says that the transaction is committed. */
    public void committed() {
        settle(Outcome.COMMITTED);
    }

    /** Says that nothing came of the transaction. */
    public void rolledBack() {
        settle(Outcome.ROLLED_BACK);
    }

    /** Says that no outcome will be known. Does nothing if one is. */
    public void end() {
        settled.countDown();
    }

    private void settle(Outcome known) {
        if (!events.isEmpty()) {
            outcome = known;
        }
        settled.countDown();
    }

    /** Waits for the outcome. */
    Outcome await(Duration limit) throws InterruptedException {
        return settled.await(limit.toNanos(), TimeUnit.NANOSECONDS) ? outcome : Outcome.UNKNOWN;
    }
}
