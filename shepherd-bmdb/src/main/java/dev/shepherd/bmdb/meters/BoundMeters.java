package dev.shepherd.bmdb.meters;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;

/**
 * The meters that one object has in one registry, until they are taken out again. What is read from an object is held
 * weakly by the registry.
 *
 * <p>Not safe for use by several threads, except for the meters.
 */
public final class BoundMeters implements AutoCloseable {

    private final MeterRegistry registry;
    private final List<Runnable> undoing = new ArrayList<>();

    public BoundMeters(MeterRegistry registry) {
        this.registry = registry;
    }

    /** Returns how a value of an enumeration is written in a tag. */
    public static String word(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }

    /** Registers a gauge; while its value is not a number, it has none. */
    public <T> void gauge(String name, String description, Tags tags, T of, ToDoubleFunction<T> value) {
        remember(Gauge.builder(name, of, value)
                .description(description)
                .tags(tags)
                .register(registry));
    }

    /** Registers a gauge of a time in milliseconds; while it is not a number, it has no value. */
    public <T> void age(String name, String description, Tags tags, T of, ToDoubleFunction<T> millis) {
        remember(TimeGauge.builder(name, of, TimeUnit.MILLISECONDS, millis)
                .description(description)
                .tags(tags)
                .register(registry));
    }

    /** Registers a counter that is kept elsewhere. */
    public <T> void counter(String name, String description, Tags tags, T of, ToDoubleFunction<T> count) {
        remember(FunctionCounter.builder(name, of, count)
                .description(description)
                .tags(tags)
                .register(registry));
    }

    /** Registers a timer whose count and time are kept elsewhere. */
    public <T> void timer(
            String name, String description, Tags tags, T of, ToLongFunction<T> count, ToDoubleFunction<T> nanos) {
        remember(FunctionTimer.builder(name, of, count, nanos, TimeUnit.NANOSECONDS)
                .description(description)
                .tags(tags)
                .register(registry));
    }

    /** Registers a counter. */
    public Counter counter(String name, String description, Tags tags) {
        return remember(
                Counter.builder(name).description(description).tags(tags).register(registry));
    }

    /**
     * Registers a timer.
     *
     * @param buckets up to which spans it counts separately
     */
    public Timer timer(String name, String description, Tags tags, Duration... buckets) {
        return remember(Timer.builder(name)
                .description(description)
                .tags(tags)
                .serviceLevelObjectives(buckets)
                .register(registry));
    }

    /**
     * Registers a distribution of sizes.
     *
     * @param buckets up to which sizes it counts separately
     */
    public DistributionSummary sizes(String name, String description, double... buckets) {
        return remember(DistributionSummary.builder(name)
                .description(description)
                .serviceLevelObjectives(buckets)
                .register(registry));
    }

    /** Remembers what else is to be undone by {@link #close}. */
    public void onClose(Runnable undo) {
        undoing.add(undo);
    }

    private <M extends Meter> M remember(M meter) {
        undoing.add(() -> registry.remove(meter));
        return meter;
    }

    /** Takes the meters out of the registry. */
    @Override
    public void close() {
        undoing.forEach(Runnable::run);
        undoing.clear();
    }
}
