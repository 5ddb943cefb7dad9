package dev.shepherd.manager.takeover;

import dev.shepherd.bmdb.trace.Span;
import dev.shepherd.bmdb.trace.SpanName;
import dev.shepherd.bmdb.trace.Tracer;
import org.jspecify.annotations.Nullable;

/**
 * The steps of one takeover as traces show them. The thread that takes the steps tells of them; the one that waits for the
 * takeover ends it, even while a step hangs. Safe for use by several threads.
 */
final class TakeoverTrace {

    /** One that no one is told of. */
    static final TakeoverTrace NONE = new TakeoverTrace(Tracer.NONE, "", null);

    private final Tracer tracer;
    private final String provider;
    private final @Nullable TakeoverTarget target;
    private final Object lock = new Object();

    // Guarded by the lock.
    private Span step = Span.NONE;
    private boolean over;

    TakeoverTrace(Tracer tracer, String provider, @Nullable TakeoverTarget target) {
        this.tracer = tracer;
        this.provider = provider;
        this.target = target;
    }

    /** Returns the same task, to be run by the thread that takes the steps. */
    Runnable here(Runnable task) {
        return tracer.here(task);
    }

    /** Says that a step begins, and that the one before succeeded. */
    void enter(TakeoverStep next) {
        succeeded();
        synchronized (lock) {
            if (!over && target != null) {
                step = tracer.span(SpanName.TAKEOVER_STEP)
                        .tag("provider", provider)
                        .tag("step", next)
                        .detail("machine", target.machineId())
                        .detail("provider.id", target.name())
                        .enter();
            }
        }
    }

    /** Says that the step succeeded, and that no other begins yet. */
    void succeeded() {
        synchronized (lock) {
            if (over) {
                step.leave();
                return;
            }
            step.tag("outcome", "succeeded").close();
            step = Span.NONE;
        }
    }

    /** Says that the thread takes no more steps; whether the last one failed is yet to be found out. */
    void leave() {
        synchronized (lock) {
            step.leave();
        }
    }

    /** Ends the step that has not succeeded, and keeps others from beginning. */
    void end(Throwable failure) {
        synchronized (lock) {
            over = true;
            step.failed(failure);
            step.close();
        }
    }
}
