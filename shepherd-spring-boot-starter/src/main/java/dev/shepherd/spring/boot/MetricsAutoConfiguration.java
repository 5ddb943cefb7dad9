package dev.shepherd.spring.boot;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.agent.AgentCallbackMetrics;
import dev.shepherd.bmdb.fleet.Fleet;
import dev.shepherd.bmdb.fleet.FleetMetrics;
import dev.shepherd.bmdb.metrics.BmdbMetrics;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentEndpointMetrics;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.ShepherdMetrics;
import dev.shepherd.web.webhook.Webhook;
import dev.shepherd.web.webhook.WebhookMetrics;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * What the parts measure, if the application has a registry: Boot binds these beans to it, as it does with all of their type, before
 * anything is started.
 */
@AutoConfiguration(
        after = {
            ShepherdAutoConfiguration.class,
            AgentEndpointAutoConfiguration.class,
            WebAutoConfiguration.class,
            WebhookAutoConfiguration.class
        },
        afterName = {
            "org.springframework.boot.actuate.autoconfigure.metrics.CompositeMeterRegistryAutoConfiguration",
            "org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration"
        })
@ConditionalOnProperty(prefix = ShepherdProperties.PREFIX, name = "enabled", matchIfMissing = true)
@ConditionalOnClass(MeterRegistry.class)
@ConditionalOnBean(MeterRegistry.class)
final class MetricsAutoConfiguration {

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    ShepherdMetrics shepherdMetrics(Shepherd shepherd) {
        return ShepherdMetrics.of(shepherd);
    }

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    BmdbMetrics shepherdBmdbMetrics(Bmdb bmdb) {
        return BmdbMetrics.of(bmdb);
    }

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    @ConditionalOnBean(AgentCallback.class)
    AgentCallbackMetrics shepherdAgentCallbackMetrics(AgentCallback callback) {
        return AgentCallbackMetrics.of(callback);
    }

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    @ConditionalOnBean(AgentEndpoint.class)
    AgentEndpointMetrics shepherdAgentEndpointMetrics(AgentEndpoint endpoint) {
        return AgentEndpointMetrics.of(endpoint);
    }

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    FleetMetrics shepherdFleetMetrics() {
        return FleetMetrics.create();
    }

    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(Webhook.class)
    @ConditionalOnBean(name = WebhookAutoConfiguration.LIFECYCLE)
    static class OfTheWebhook {

        @Bean(destroyMethod = "close")
        @ConditionalOnMissingBean
        WebhookMetrics shepherdWebhookMetrics(Webhook webhook) {
            return WebhookMetrics.of(webhook);
        }
    }

    /** The page counts anyway. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnBean(name = WebAutoConfiguration.SERVLET)
    static class CountedByThePage {

        @Bean
        @ConditionalOnMissingBean
        WebAutoConfiguration.FleetCounts shepherdFleetCounts(FleetMetrics metrics) {
            return metrics::update;
        }
    }

    @Configuration(proxyBeanMethods = false)
    @ConditionalOnMissingBean(name = WebAutoConfiguration.SERVLET)
    static class CountedHere {

        @Bean
        @ConditionalOnMissingBean
        FleetCounting shepherdFleetCounting(
                Bmdb bmdb, FleetSettings settings, FleetMetrics metrics, ShepherdProperties properties) {
            Duration interval = properties.web().countInterval();
            return new FleetCounting(
                    Fleet.of(bmdb, settings.policies()),
                    metrics::update,
                    interval == null ? FleetCounting.INTERVAL : interval,
                    properties.autoStartup());
        }
    }
}
