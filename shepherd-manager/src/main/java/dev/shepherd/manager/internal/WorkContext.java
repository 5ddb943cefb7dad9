package dev.shepherd.manager.internal;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.trace.Span;
import dev.shepherd.bmdb.trace.SpanName;
import dev.shepherd.bmdb.trace.Tracer;

/**
 * Work on a machine as the log and traces show it, for the thread that does it. Closed after the work is, and by the same
 * thread.
 */
public final class WorkContext implements AutoCloseable {

    private final Work work;
    private final LogContext lines;
    private final Span span;

    private WorkContext(Tracer tracer, ProviderType provider, Work work) {
        this.work = work;
        this.lines = LogContext.ofWork(provider, work);
        this.span = tracer.span(SpanName.WORK)
                .tag("provider", provider.name())
                .tag("process", work.process().name())
                .detail("machine", work.machineId())
                .detail("session", work.session().id())
                .enter();
    }

    public static WorkContext of(Tracer tracer, ProviderType provider, Work work) {
        return new WorkContext(tracer, provider, work);
    }

    /** Takes note of a failure that nothing expected. */
    void failed(Throwable failure) {
        span.failed(failure);
    }

    @Override
    public void close() {
        // Where it has not ended, the database could not be reached, and the session releases the work later.
        work.ended().ifPresentOrElse(event -> span.tag("outcome", event), () -> span.tag("outcome", "held"));
        span.close();
        lines.close();
    }
}
