package dev.shepherd.web.webhook;

import dev.shepherd.bmdb.meters.BoundMeters;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * What a {@link Webhook} has sent and how far it is behind, as metrics of Micrometer. Their names are in {@code
 * docs/metrics.md}. They are read from memory. Micrometer ({@code io.micrometer:micrometer-core}) is an optional dependency,
 * which only this class needs.
 *
 * <p>A registry refers to the webhook weakly. Meters of a webhook that is gone stand in the way of those of another one:
 * close these first. Safe for use by several threads.
 */
public final class WebhookMetrics implements MeterBinder, AutoCloseable {

    private final Webhook webhook;
    private final Object lock = new Object();
    private final List<BoundMeters> bound = new ArrayList<>();

    private WebhookMetrics(Webhook webhook) {
        this.webhook = webhook;
    }

    /** Makes the metrics of a webhook, started or not; none exist until they are bound to a registry. */
    public static WebhookMetrics of(Webhook webhook) {
        return new WebhookMetrics(Objects.requireNonNull(webhook, "webhook"));
    }

    /** Registers the meters. They stay until {@link #close()}. */
    @Override
    public void bindTo(MeterRegistry registry) {
        BoundMeters meters = new BoundMeters(registry);
        synchronized (lock) {
            bound.add(meters);
        }
        meters.counter(
                "shepherd.webhook.sent",
                "Events that the receiver of the webhook has taken",
                Tags.empty(),
                webhook,
                Webhook::sent);
        meters.counter(
                "shepherd.webhook.failures",
                "Times that the receiver of the webhook did not take an event, which is sent again",
                Tags.empty(),
                webhook,
                Webhook::failures);
        meters.gauge(
                "shepherd.webhook.behind.events",
                "Events that wait to be sent; not a number where another process sends",
                Tags.empty(),
                webhook,
                Webhook::eventsBehind);
        meters.age(
                "shepherd.webhook.behind",
                "How long ago the first event happened that waits to be sent",
                Tags.empty(),
                webhook,
                of -> of.secondsBehind() * 1e3);
    }

    /** Takes the meters out of the registries that they were bound to. The webhook goes on. */
    @Override
    public void close() {
        synchronized (lock) {
            bound.forEach(BoundMeters::close);
            bound.clear();
        }
    }
}
