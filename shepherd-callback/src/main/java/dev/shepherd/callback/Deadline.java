package dev.shepherd.callback;

import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The time until which a connection has to go on. It is moved with each step, so its timer stays where it is, and looks again
 * when it was too early. Belongs to the connection's event loop.
 */
final class Deadline {

    private final Runnable whenPassed;
    private @Nullable ScheduledFuture<?> timer;
    private long timerAt;
    private long at;

    /** @param whenPassed is run by the event loop, once for each time that it was set */
    Deadline(Runnable whenPassed) {
        this.whenPassed = whenPassed;
    }

    /** Sets it to so many nanoseconds from now, in place of what it was. */
    void set(EventExecutor loop, long nanos) {
        at = System.nanoTime() + nanos;
        if (timer != null && timerAt - at <= 0) {
            return;
        }
        cancel();
        schedule(loop, nanos);
    }

    private void schedule(EventExecutor loop, long nanos) {
        timerAt = System.nanoTime() + nanos;
        timer = loop.schedule(() -> look(loop), nanos, TimeUnit.NANOSECONDS);
    }

    private void look(EventExecutor loop) {
        timer = null;
        if (hasPassed()) {
            whenPassed.run();
        } else {
            schedule(loop, at - System.nanoTime());
        }
    }

    boolean hasPassed() {
        return at - System.nanoTime() <= 0;
    }

    void cancel() {
        if (timer != null) {
            timer.cancel(false);
            timer = null;
        }
    }
}
