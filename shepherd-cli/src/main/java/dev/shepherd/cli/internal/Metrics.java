package dev.shepherd.cli.internal;

import com.sun.management.OperatingSystemMXBean;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.agent.AgentCallbackMetrics;
import dev.shepherd.bmdb.fleet.FleetMetrics;
import dev.shepherd.bmdb.fleet.FleetSummary;
import dev.shepherd.bmdb.metrics.BmdbMetrics;
import dev.shepherd.callback.AgentEndpointMetrics;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.ShepherdMetrics;
import dev.shepherd.web.MetricsSource;
import dev.shepherd.web.http.WebResponse;
import dev.shepherd.web.webhook.Webhook;
import dev.shepherd.web.webhook.WebhookMetrics;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What this process measures, for Prometheus. */
final class Metrics implements MetricsSource, AutoCloseable {

    private static final String TEXT = "text/plain; version=0.0.4; charset=utf-8";
    private static final String OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /** Of what Micrometer knows of a JVM, what someone would look at; each has a row in docs/metrics.md. */
    private static final Set<String> OF_THE_JVM = Set.of(
            "jvm.buffer.memory.used",
            "jvm.gc.pause",
            "jvm.memory.max",
            "jvm.memory.used",
            "jvm.threads.live",
            "process.cpu",
            "process.files.max",
            "process.files.open",
            "process.start.time",
            "process.uptime");

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final FleetMetrics fleet = FleetMetrics.create();
    private final Deque<AutoCloseable> bound = new ArrayDeque<>();

    /**
     * Begins to measure.
     *
     * @param shepherd whose loops are measured; null where the command runs none
     * @param listener what takes calls of agents; null where the command takes none
     * @param webhook what sends events; null where the command sends none
     */
    Metrics(Bmdb bmdb, @Nullable Shepherd shepherd, @Nullable AgentListener listener, @Nullable Webhook webhook) {
        registry.config()
                .meterFilter(MeterFilter.denyUnless(
                        id -> id.getName().startsWith("shepherd.") || OF_THE_JVM.contains(id.getName())));
        bind(new JvmMemoryMetrics());
        bind(new JvmGcMetrics());
        bind(new JvmThreadMetrics());
        bind(new FileDescriptorMetrics());
        bind(new UptimeMetrics());
        // Micrometer's own counts nanoseconds, which Prometheus' conventions know no unit for.
        if (ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system) {
            FunctionCounter.builder("process.cpu", system, of -> of.getProcessCpuTime() / 1e9)
                    .description("Processor time that the process has used")
                    .baseUnit("seconds")
                    .register(registry);
        }
        String version = BuildVersion.inManifest().orElse("unknown");
        Gauge.builder("shepherd.build.info", () -> 1)
                .description("The version that runs: always 1")
                .tag("version", version)
                .register(registry);
        bind(BmdbMetrics.of(bmdb));
        bind(fleet);
        if (shepherd != null) {
            bind(ShepherdMetrics.of(shepherd));
        }
        if (listener != null) {
            bind(AgentCallbackMetrics.of(listener.callback()));
            bind(AgentEndpointMetrics.of(listener.endpoint()));
        }
        if (webhook != null) {
            bind(WebhookMetrics.of(webhook));
        }
    }

    private void bind(MeterBinder binder) {
        binder.bindTo(registry);
        if (binder instanceof AutoCloseable closeable) {
            bound.push(closeable);
        }
    }

    /** Takes counts of the fleet, to show them from then on. */
    void update(FleetSummary counts) {
        fleet.update(counts);
    }

    @Override
    public WebResponse read(String accept) {
        String type = quality(accept, "application/openmetrics-text") >= Math.max(0.001, quality(accept, "text/plain"))
                ? OPEN_METRICS
                : TEXT;
        return WebResponse.of(200, type, registry.scrape(type).getBytes(StandardCharsets.UTF_8));
    }

    /** How much a client wants a type of content: 0 if it does not say so. */
    private static double quality(String accept, String type) {
        for (String range : accept.toLowerCase(Locale.ROOT).split(",", -1)) {
            String[] words = range.split(";", -1);
            if (words[0].strip().equals(type)) {
                for (String word : words) {
                    if (word.strip().matches("q=[01](\\.[0-9]{0,3})?")) {
                        return Double.parseDouble(word.strip().substring(2));
                    }
                }
                return 1;
            }
        }
        return 0;
    }

    @Override
    public void close() {
        for (AutoCloseable one : bound) {
            try {
                one.close();
            } catch (Exception e) {
                throw new IllegalStateException("a binder of metrics does not close", e);
            }
        }
        registry.close();
    }
}
