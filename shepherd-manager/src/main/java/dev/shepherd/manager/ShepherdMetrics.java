package dev.shepherd.manager;

import dev.shepherd.bmdb.RecoveryOutlook;
import dev.shepherd.bmdb.meters.BoundMeters;
import dev.shepherd.manager.internal.LoopMonitor;
import dev.shepherd.manager.provisioning.Discrepancy;
import dev.shepherd.manager.status.LoopKind;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;

/**
 * What a {@link Shepherd} does, as metrics of Micrometer. Make them with {@link #of}, bind them to a registry before
 * the shepherd starts, and close them before it.
 *
 * <p>Their names, tags and units are in {@code docs/metrics.md}. No query is made when the registry reads them. Calls
 * of providers and takeovers are timed from the moment when the metrics are bound; all else is what {@link
 * Shepherd#status()} knows anyway. Micrometer ({@code io.micrometer:micrometer-core}) is an optional dependency, which
 * only this class needs.
 *
 * <p>A registry refers to the shepherd weakly. Meters of a shepherd that is gone show no value, and block those of
 * another one with the same provider: close these first.
 *
 * <p>Safe for use by several threads.
 */
public final class ShepherdMetrics implements MeterBinder, AutoCloseable {

    private final Shepherd shepherd;
    private final Object lock = new Object();
    private final List<BoundMeters> bound = new ArrayList<>();

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
            BoundMeters meters = new BoundMeters(registry);
            bound.add(meters);
            GateMeters.bind(meters, shepherd.gates());
            for (Flock flock : shepherd.flocks()) {
                ProviderMeters.bind(meters, flock.calls());
                shepherd.loops().forEach(kind -> bindLoop(meters, flock, kind));
            }
        }
    }

    private static void bindLoop(BoundMeters meters, Flock flock, LoopKind kind) {
        flock.monitors().stream()
                .filter(monitor -> monitor.name().equals(kind.toString()))
                .forEach(monitor -> bindMonitor(meters, monitor));
        switch (kind) {
            case PROVISIONER -> bindProvisioner(meters, flock);
            case INITIALIZER -> TakeoverMeters.bind(meters, flock.provider(), flock.initializer());
            case RECOVERER -> bindRecoverer(meters, flock);
            case UPDATER, ROLLER -> {}
        }
    }

    private static void bindMonitor(BoundMeters meters, LoopMonitor monitor) {
        Tags tags = Tags.of("provider", monitor.provider().name(), "loop", monitor.name());
        meters.timer(
                "shepherd.loop.steps",
                "Steps that have ended, and how long they took",
                tags,
                monitor,
                of -> of.totals().steps(),
                of -> of.totals().stepTime().toNanos());
        meters.counter(
                "shepherd.loop.step.failures",
                "Steps that failed as a whole",
                tags,
                monitor,
                of -> of.totals().stepFailures());
        meters.age(
                "shepherd.loop.success.age",
                "Time since the last step that succeeded, or since the start if none has",
                tags,
                monitor,
                ShepherdMetrics::successAge);
        meters.gauge(
                "shepherd.loop.machines.active",
                "Machines that are being worked on",
                tags,
                monitor,
                of -> of.totals().inProgress());
        meters.timer(
                "shepherd.loop.work",
                "Work on machines that has ended, and the time spent on it, that in progress included",
                tags,
                monitor,
                of -> {
                    LoopMonitor.Totals totals = of.totals();
                    return totals.succeeded() + totals.failed() + totals.givenUp();
                },
                of -> of.totals().machineTime().toNanos());
        bindOutcome(meters, monitor, tags, "succeeded", LoopMonitor.Totals::succeeded);
        bindOutcome(meters, monitor, tags, "failed", LoopMonitor.Totals::failed);
        bindOutcome(meters, monitor, tags, "given_up", LoopMonitor.Totals::givenUp);
    }

    private static void bindOutcome(
            BoundMeters meters,
            LoopMonitor monitor,
            Tags tags,
            String outcome,
            ToLongFunction<LoopMonitor.Totals> count) {
        meters.counter(
                "shepherd.loop.machines",
                "How work on machines ended",
                tags.and("outcome", outcome),
                monitor,
                of -> count.applyAsLong(of.totals()));
    }

    private static double successAge(LoopMonitor monitor) {
        return monitor.totals()
                .sinceSuccess()
                .map(Duration::toMillis)
                .map(Long::doubleValue)
                .orElse(Double.NaN);
    }

    private static void bindProvisioner(BoundMeters meters, Flock flock) {
        Tags tags = Tags.of("provider", flock.provider().name());
        for (Discrepancy.Kind kind : Discrepancy.Kind.values()) {
            meters.gauge(
                    "shepherd.discrepancies",
                    "Machines on which provider and database disagree so that nothing is provisioned",
                    tags.and("kind", BoundMeters.word(kind)),
                    flock,
                    of -> of.provisioner().discrepancyCount(kind));
        }
        meters.gauge(
                "shepherd.provisioning.held.back",
                "Free machines that the maximum holds back",
                tags,
                flock,
                of -> of.provisioner().outlook().heldBack());
        meters.gauge(
                "shepherd.provisioning.passed.over",
                "Listed machines that cannot be used",
                tags,
                flock,
                of -> of.provisioner().outlook().passedOver());
    }

    private static void bindRecoverer(BoundMeters meters, Flock flock) {
        Tags tags = Tags.of("provider", flock.provider().name());
        bindOutlook(meters, flock, tags, "due", "Machines that are due for recovery", RecoveryOutlook::due);
        bindOutlook(
                meters,
                flock,
                tags,
                "active",
                "Machines with an attempt to recover them that have not been heard since",
                RecoveryOutlook::inRecovery);
        bindOutlook(meters, flock, tags, "limit", "How many may be in recovery at once", RecoveryOutlook::limit);
        bindOutlook(
                meters,
                flock,
                tags,
                "freezes",
                "Freezes in force, since many agents fell silent at once",
                outlook -> outlook.freezes().size());
    }

    private static void bindOutlook(
            BoundMeters meters,
            Flock flock,
            Tags tags,
            String name,
            String description,
            ToDoubleFunction<RecoveryOutlook> value) {
        meters.gauge(
                "shepherd.recovery." + name,
                description,
                tags,
                flock,
                of -> value.applyAsDouble(of.recoverer().outlook()));
    }

    /** Takes the meters out of the registries that they were bound to. The shepherd goes on. */
    @Override
    public void close() {
        synchronized (lock) {
            bound.forEach(BoundMeters::close);
            bound.clear();
        }
    }
}
