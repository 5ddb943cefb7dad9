package dev.shepherd.bmdb.fleet;

import dev.shepherd.bmdb.fleet.FleetSummary.Count;
import dev.shepherd.bmdb.fleet.FleetSummary.Figure;
import dev.shepherd.bmdb.fleet.FleetSummary.HardwareSum;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The counts of a {@link Fleet} as metrics of Micrometer. They are those of the last {@link #update}: give it what
 * {@link Fleet#count} or {@link Fleet#summary} returns, every 15 s or so. Until the first there is no meter at all, so
 * that a fleet that was not counted is not taken for an empty one; from then on one of them tells how old the counts
 * are.
 *
 * <p>Every process has the counts of the whole fleet: do not add them up. Their names and tags are in {@code
 * docs/metrics.md}. Reading them takes no query. Micrometer ({@code io.micrometer:micrometer-core}) is an optional
 * dependency, which only this class and its like need. Safe for use by several threads.
 */
public final class FleetMetrics implements MeterBinder, AutoCloseable {

    /** A gauge, as the counts name it. */
    private record Name(String name, String description, Tags tags) {}

    private final Object lock = new Object();
    private final List<Shown> bound = new ArrayList<>();
    private @Nullable FleetSummary last;
    private long lastAt;

    private FleetMetrics() {}

    /** Makes metrics without counts. */
    public static FleetMetrics create() {
        return new FleetMetrics();
    }

    /** Registers the meters, as far as there are counts, and from then on with each update. */
    @Override
    public void bindTo(MeterRegistry registry) {
        synchronized (lock) {
            Shown shown = new Shown(registry);
            bound.add(shown);
            if (last != null) {
                shown.show(last, values(last));
            }
        }
    }

    /** Shows these counts instead of those before. */
    public void update(FleetSummary summary) {
        Map<Name, Double> values = values(summary);
        synchronized (lock) {
            last = summary;
            lastAt = System.nanoTime();
            bound.forEach(shown -> shown.show(summary, values));
        }
    }

    private static Map<Name, Double> values(FleetSummary summary) {
        Map<Name, Double> values = new LinkedHashMap<>();
        TreeSet<String> providers = new TreeSet<>();
        summary.counts().forEach(count -> providers.add(count.provider().name()));
        for (String provider : providers) {
            for (MachineState state : MachineState.values()) {
                values.put(machines(provider, state), 0.0);
            }
        }
        for (Count count : summary.counts()) {
            values.merge(machines(count.provider().name(), count.state()), (double) count.machines(), Double::sum);
        }
        for (Figure figure : summary.figures()) {
            values.put(name(figure), (double) figure.value());
        }
        for (HardwareSum sum : summary.hardware()) {
            Tags provider = Tags.of("provider", sum.provider().name());
            hardware(values, "reports", "Machines that reported their hardware", provider, sum.machines());
            hardware(values, "reports.unreadable", "Those whose report cannot be read", provider, sum.unreadable());
            hardware(values, "cpus", "Processor packages", provider, sum.cpus());
            hardware(values, "cores", "Physical cores", provider, sum.cores());
            hardware(values, "threads", "What operating systems schedule on", provider, sum.threads());
            hardware(values, "memory.bytes", "Installed memory", provider, sum.memoryBytes());
            hardware(values, "disks", "Block devices", provider, sum.disks());
            hardware(values, "disks.bytes", "What block devices hold", provider, sum.diskBytes());
            hardware(
                    values,
                    "disks.failing",
                    "Block devices that say that they will fail",
                    provider,
                    sum.failingDisks());
        }
        return values;
    }

    private static void hardware(
            Map<Name, Double> values, String name, String description, Tags provider, Number value) {
        values.merge(
                new Name("shepherd.fleet.hardware." + name, description, provider), value.doubleValue(), Double::sum);
    }

    private static Name machines(String provider, MachineState state) {
        return new Name(
                "shepherd.fleet.machines",
                "Machines by provider and state",
                Tags.of("provider", provider, "state", state.word()));
    }

    private static Name name(Figure figure) {
        Tags provider = Tags.of("provider", figure.provider());
        Tags process = provider.and("process", figure.process());
        return switch (figure.what()) {
            case DUE -> new Name("shepherd.fleet.due", "Machines that a process would claim now", process);
            case BACKED_OFF ->
                new Name(
                        "shepherd.fleet.backoffs",
                        "Backoffs in force, by the kind of their cause",
                        process.and("kind", figure.kind()));
            case INSTALLATIONS_PENDING ->
                new Name(
                        "shepherd.fleet.installations.pending",
                        "Machines whose requested installation is not fulfilled",
                        provider);
            case IN_RECOVERY ->
                new Name(
                        "shepherd.fleet.recovering",
                        "Machines that take a place within the limits of recovery",
                        provider);
            case RECOVERY_LIMIT ->
                new Name("shepherd.fleet.recovery.limit", "How many machines may be in recovery at once", provider);
            case HELD_BACK ->
                new Name(
                        "shepherd.fleet.held.back.seconds",
                        "For how long the machine is held back that gates hold back the longest",
                        provider.and("answer", figure.kind()));
            case FREEZES -> new Name("shepherd.fleet.freezes", "Freezes of recovery in force", provider);
            case ROLLOUTS ->
                new Name(
                        "shepherd.fleet.rollouts",
                        "Whether a rollout is under way, or has stopped on its own",
                        provider.and("state", figure.kind()));
            case ROLLOUT_MACHINES ->
                new Name(
                        "shepherd.fleet.rollout.machines",
                        "Machines of the last rollout, by how far it is with them",
                        provider.and("step", figure.kind()));
            case PAUSES -> new Name("shepherd.fleet.pauses", "Pauses in force", Tags.empty());
            case ACTIONS ->
                new Name(
                        "shepherd.fleet.actions",
                        "What people did within the last hour",
                        Tags.of("verb", figure.kind()));
        };
    }

    private double age() {
        synchronized (lock) {
            return last == null ? Double.NaN : last.age().toNanos() + (double) (System.nanoTime() - lastAt);
        }
    }

    /** What one registry shows. Gauges stay from one update to the next: one that came and went would leave gaps. */
    private final class Shown {

        /** A gauge and its value. */
        private static final class Held {
            private volatile double value;
            private @Nullable Gauge gauge;
        }

        private final MeterRegistry registry;
        private final Map<Name, Held> gauges = new HashMap<>();
        private final Held counting = new Held();
        private final List<Gauge> times = new ArrayList<>();

        Shown(MeterRegistry registry) {
            this.registry = registry;
        }

        void show(FleetSummary summary, Map<Name, Double> values) {
            if (times.isEmpty()) {
                times.add(TimeGauge.builder(
                                "shepherd.fleet.counts.age", FleetMetrics.this, TimeUnit.NANOSECONDS, FleetMetrics::age)
                        .description("How old the counts of the fleet are")
                        .register(registry));
                times.add(TimeGauge.builder(
                                "shepherd.fleet.counts.duration", counting, TimeUnit.NANOSECONDS, of -> of.value)
                        .description("How long it took to count the fleet")
                        .register(registry));
            }
            counting.value = summary.took().toNanos();
            for (Iterator<Map.Entry<Name, Held>> each = gauges.entrySet().iterator(); each.hasNext(); ) {
                Map.Entry<Name, Held> one = each.next();
                if (!values.containsKey(one.getKey())) {
                    remove(one.getValue());
                    each.remove();
                }
            }
            values.forEach((name, value) -> {
                Held held = gauges.computeIfAbsent(name, any -> new Held());
                held.value = value;
                if (held.gauge == null) {
                    held.gauge = Gauge.builder(name.name(), held, of -> of.value)
                            .description(name.description())
                            .tags(name.tags())
                            .register(registry);
                }
            });
        }

        private void remove(Held held) {
            if (held.gauge != null) {
                registry.remove(held.gauge);
            }
        }

        void end() {
            times.forEach(registry::remove);
            gauges.values().forEach(this::remove);
        }
    }

    /** Takes the meters out of the registries that they were bound to. */
    @Override
    public void close() {
        synchronized (lock) {
            bound.forEach(Shown::end);
            bound.clear();
        }
    }
}
