package dev.shepherd.bmdb.trace;

/**
 * Is told what is being done, while it is done. Set by {@link
 * dev.shepherd.bmdb.BmdbConfig.Builder#tracer}; {@link ObservationTracer} passes it on to Micrometer's Observation API.
 *
 * <p>Implementations are called on the threads that do the work, while they hold machines and connections of the
 * database: they must return at once, throw nothing, and leave interruptions as they are. They must be safe for use by
 * several threads.
 */
public interface Tracer {

    /** Is told nothing. */
    Tracer NONE = new Tracer() {

        @Override
        public Span span(SpanName name) {
            return Span.NONE;
        }

        @Override
        public Runnable here(Runnable task) {
            return task;
        }
    };

    /** Makes a span, which begins with {@link Span#enter()}, as a part of the calling thread's current one. */
    Span span(SpanName name);

    /** Returns the same task, to be run on another thread as a part of the span that is the current one here. */
    Runnable here(Runnable task);
}
