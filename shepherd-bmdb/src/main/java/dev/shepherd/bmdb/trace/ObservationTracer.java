package dev.shepherd.bmdb.trace;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.FailureLog;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Passes spans on to Micrometer's Observation API, whose handlers make traces, timers or lines of a log of them:
 *
 * <pre>{@code
 * BmdbConfig.builder().jdbcUrl(url).tracer(ObservationTracer.of(observationRegistry)).build()
 * }</pre>
 *
 * <p>A tag is a low-cardinality key, a detail a high-cardinality one. {@code docs/traces.md} lists the observations, and
 * says how to leave some out.
 *
 * <p>Handlers, predicates, filters and conventions run on the threads that do the work. What they throw is logged, at most
 * once a minute, and costs only the observation. They must return at once: a handler that hangs keeps its thread, and the
 * machine that the thread works on, until the session is lost.
 *
 * <p>Micrometer ({@code io.micrometer:micrometer-observation}) is an optional dependency. Safe for use by several threads.
 */
public final class ObservationTracer implements Tracer {

    private static final Logger log = LoggerFactory.getLogger(ObservationTracer.class);

    private static final String NOTHING = "none";

    private final ObservationRegistry registry;
    private final FailureLog failures = new FailureLog(log::warn, log::info, System::nanoTime);

    private ObservationTracer(ObservationRegistry registry) {
        this.registry = registry;
    }

    /** Makes a tracer that passes on to the handlers of a registry. */
    public static ObservationTracer of(ObservationRegistry registry) {
        return new ObservationTracer(Objects.requireNonNull(registry, "registry"));
    }

    @Override
    public Span span(SpanName name) {
        return registry.isNoop() ? Span.NONE : new ObservedSpan(name);
    }

    @Override
    public Runnable here(Runnable task) {
        Observation current = registry.getCurrentObservation();
        if (current == null) {
            return task;
        }
        return () -> {
            Observation.@Nullable Scope scope = open(current);
            try {
                task.run();
            } finally {
                close(scope);
            }
        };
    }

    /** A part of what handlers do. */
    private interface Part {
        void run();
    }

    private void guarded(Part part) {
        try {
            part.run();
        } catch (Throwable e) {
            failed(e);
        }
    }

    private void failed(Throwable e) {
        try {
            failures.failed("Observations are incomplete, since a handler fails", String.valueOf(e));
            log.debug("A handler of observations failed", Escaped.failure(e));
        } catch (Throwable again) {
            // There may be no memory to log it.
        }
    }

    /** Makes an observation the current one of this thread; null if that fails, and then the one before still is. */
    private Observation.@Nullable Scope open(Observation observation) {
        Observation.@Nullable Scope before = registry.getCurrentObservationScope();
        try {
            return observation.openScope();
        } catch (Throwable e) {
            registry.setCurrentObservationScope(before);
            failed(e);
            return null;
        }
    }

    private void close(Observation.@Nullable Scope scope) {
        if (scope == null) {
            return;
        }
        try {
            scope.close();
        } catch (Throwable e) {
            // A handler threw before the scope was put back.
            registry.setCurrentObservationScope(scope.getPreviousObservationScope());
            failed(e);
        }
    }

    /** An observation with a scope on the thread that entered it. */
    private final class ObservedSpan implements Span {
        private final SpanName name;
        private final Map<String, String> tags = new LinkedHashMap<>();
        private final Map<String, String> details = new LinkedHashMap<>();
        private final AtomicBoolean ended = new AtomicBoolean();

        /** Null until entered, and if a handler fails then. */
        private volatile @Nullable Observation observation;

        private volatile @Nullable Thread entered;

        /** Only used by the thread that entered. */
        private Observation.@Nullable Scope scope;

        ObservedSpan(SpanName name) {
            this.name = name;
            name.tags().forEach(key -> tags.put(key, NOTHING));
        }

        @Override
        public Span tag(String key, String value) {
            if (value.isEmpty()) {
                return this;
            }
            if (tags.replace(key, value) == null) {
                ObservationTracer.this.failed(new IllegalArgumentException(name + " has no tag " + key));
                return this;
            }
            Observation begun = observation;
            if (begun != null) {
                guarded(() -> begun.lowCardinalityKeyValue(key, value));
            }
            return this;
        }

        @Override
        public Span detail(String key, Object value) {
            if (!name.details().contains(key)) {
                ObservationTracer.this.failed(new IllegalArgumentException(name + " has no detail " + key));
                return this;
            }
            String text = String.valueOf(value);
            Observation begun = observation;
            if (begun == null) {
                details.put(key, text);
            } else {
                guarded(() -> begun.highCardinalityKeyValue(key, text));
            }
            return this;
        }

        @Override
        public Span enter() {
            guarded(() -> {
                Observation made =
                        Observation.createNotStarted(name.text(), registry).contextualName(name.title(tags));
                tags.forEach(made::lowCardinalityKeyValue);
                details.forEach(made::highCardinalityKeyValue);
                observation = made;
                made.start();
            });
            Observation begun = observation;
            if (begun != null) {
                entered = Thread.currentThread();
                scope = open(begun);
            }
            return this;
        }

        @Override
        public void failed(Throwable failure) {
            boolean interrupted = failure instanceof InterruptedException;
            if (NOTHING.equals(tags.get("outcome"))) {
                tag("outcome", interrupted ? "given_up" : "failed");
            }
            Observation begun = observation;
            if (begun != null && !interrupted) {
                guarded(() -> begun.error(failure));
            }
        }

        @Override
        public void leave() {
            if (Thread.currentThread() == entered) {
                ObservationTracer.this.close(scope);
                scope = null;
            }
        }

        @Override
        public void close() {
            leave();
            Observation begun = observation;
            if (begun != null && ended.compareAndSet(false, true)) {
                guarded(begun::stop);
            }
        }
    }
}
