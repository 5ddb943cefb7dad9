package dev.shepherd.manager;

import dev.shepherd.bmdb.RecoveryOutlook;
import dev.shepherd.manager.internal.LoopMonitor;
import dev.shepherd.manager.provisioning.Discrepancy;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;

/**
 * What a {@link Shepherd} does, as metrics of Micrometer. Make them with {@link #of}, bind them to a registry, and close
 * them before the shepherd.
 *
 * <p>Their names, tags and units are in {@code docs/operations.md}. They are read from memory when the registry asks:
 * nothing is measured beyond what {@link Shepherd#status()} knows, and no query is made. Micrometer ({@code
 * io.micrometer:micrometer-core}) is an optional dependency, which only this class needs.
 *
 * <p>A registry refers to the shepherd weakly. Meters of a shepherd that is gone show no value, and block those of another
 * one with the same provider: close these first.
 *
 * <p>Safe for use by several threads.
 */
public final class ShepherdMetrics implements MeterBinder, AutoCloseable {

    private record Bound(MeterRegistry registry, Meter meter) {}

    private final Shepherd shepherd;
    private final Object lock = new Object();
    private final List<Bound> bound = new ArrayList<>();

    private ShepherdMetrics(Shepherd shepherd) {
        this.shepherd = shepherd;
    }

    /** Makes the metrics of a shepherd, started or not; none exist until they are bound to a registry. */
    public static ShepherdMetrics of(Shepherd shepherd) {
        return new ShepherdMetrics(Objects.requireNonNull(shepherd, "shepherd"));
    }

    /** Registers the meters. They stay until {@link #close()}. */
    @Override
    public void bindTo(MeterRegistry registry) {
        synchronized (lock) {
            for (Flock flock : shepherd.flocks()) {
                flock.monitors().forEach(monitor -> bindLoop(registry, monitor));
                bindProvider(registry, flock);
            }
        }
    }

    private void bindLoop(MeterRegistry registry, LoopMonitor monitor) {
        Tags tags = Tags.of("provider", monitor.provider().name(), "loop", monitor.name());
        remember(
                registry,
                FunctionTimer.builder(
                                "shepherd.loop.steps",
                                monitor,
                                of -> of.totals().steps(),
                                of -> of.totals().stepTime().toNanos(),
                                TimeUnit.NANOSECONDS)
                        .description("Steps that have ended, and how long they took")
                        .tags(tags)
                        .register(registry));
        remember(
                registry,
                FunctionCounter.builder(
                                "shepherd.loop.step.failures",
                                monitor,
                                of -> of.totals().stepFailures())
                        .description("Steps that failed as a whole")
                        .tags(tags)
                        .register(registry));
        remember(
                registry,
                TimeGauge.builder(
                                "shepherd.loop.success.age",
                                monitor,
                                TimeUnit.MILLISECONDS,
                                ShepherdMetrics::successAge)
                        .description("Time since the last step that succeeded, or since the start if none has")
                        .tags(tags)
                        .register(registry));
        remember(
                registry,
                Gauge.builder(
                                "shepherd.loop.machines.active",
                                monitor,
                                of -> of.totals().inProgress())
                        .description("Machines that are being worked on")
                        .tags(tags)
                        .register(registry));
        remember(
                registry,
                FunctionTimer.builder(
                                "shepherd.loop.work",
                                monitor,
                                of -> {
                                    LoopMonitor.Totals totals = of.totals();
                                    return totals.succeeded() + totals.failed() + totals.givenUp();
                                },
                                of -> of.totals().machineTime().toNanos(),
                                TimeUnit.NANOSECONDS)
                        .description(
                                "Work on machines that has ended, and the time spent on it, that in progress included")
                        .tags(tags)
                        .register(registry));
        bindOutcome(registry, monitor, tags, "succeeded", LoopMonitor.Totals::succeeded);
        bindOutcome(registry, monitor, tags, "failed", LoopMonitor.Totals::failed);
        bindOutcome(registry, monitor, tags, "given_up", LoopMonitor.Totals::givenUp);
    }

    private void bindOutcome(
            MeterRegistry registry,
            LoopMonitor monitor,
            Tags tags,
            String outcome,
            ToLongFunction<LoopMonitor.Totals> count) {
        remember(
                registry,
                FunctionCounter.builder("shepherd.loop.machines", monitor, of -> count.applyAsLong(of.totals()))
                        .description("How work on machines ended")
                        .tags(tags.and("outcome", outcome))
                        .register(registry));
    }

    private static double successAge(LoopMonitor monitor) {
        return monitor.totals()
                .sinceSuccess()
                .map(Duration::toMillis)
                .map(Long::doubleValue)
                .orElse(Double.NaN);
    }

    private void bindProvider(MeterRegistry registry, Flock flock) {
        Tags tags = Tags.of("provider", flock.provider().name());
        for (Discrepancy.Kind kind : Discrepancy.Kind.values()) {
            remember(
                    registry,
                    Gauge.builder(
                                    "shepherd.discrepancies",
                                    flock,
                                    of -> of.provisioner().discrepancyCount(kind))
                            .description(
                                    "Machines on which provider and database disagree so that nothing is provisioned")
                            .tags(tags.and("kind", kind.name().toLowerCase(Locale.ROOT)))
                            .register(registry));
        }
        remember(
                registry,
                Gauge.builder(
                                "shepherd.provisioning.held.back",
                                flock,
                                of -> of.provisioner().outlook().heldBack())
                        .description("Free machines that the maximum holds back")
                        .tags(tags)
                        .register(registry));
        remember(
                registry,
                Gauge.builder(
                                "shepherd.provisioning.passed.over",
                                flock,
                                of -> of.provisioner().outlook().passedOver())
                        .description("Listed machines that cannot be used")
                        .tags(tags)
                        .register(registry));
        bindOutlook(registry, flock, tags, "due", "Machines that are due for recovery", RecoveryOutlook::due);
        bindOutlook(
                registry,
                flock,
                tags,
                "active",
                "Machines with an attempt to recover them that have not been heard since",
                RecoveryOutlook::inRecovery);
        bindOutlook(registry, flock, tags, "limit", "How many may be in recovery at once", RecoveryOutlook::limit);
        bindOutlook(
                registry,
                flock,
                tags,
                "freezes",
                "Freezes in force, since many agents fell silent at once",
                outlook -> outlook.freezes().size());
    }

    private void bindOutlook(
            MeterRegistry registry,
            Flock flock,
            Tags tags,
            String name,
            String description,
            ToDoubleFunction<RecoveryOutlook> value) {
        remember(
                registry,
                Gauge.builder(
                                "shepherd.recovery." + name,
                                flock,
                                of -> value.applyAsDouble(of.recoverer().outlook()))
                        .description(description)
                        .tags(tags)
                        .register(registry));
    }

    private void remember(MeterRegistry registry, Meter meter) {
        bound.add(new Bound(registry, meter));
    }

    /** Takes the meters out of the registries that they were bound to. The shepherd goes on. */
    @Override
    public void close() {
        synchronized (lock) {
            bound.forEach(one -> one.registry().remove(one.meter()));
            bound.clear();
        }
    }
}
