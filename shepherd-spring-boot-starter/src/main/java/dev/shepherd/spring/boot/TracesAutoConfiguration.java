package dev.shepherd.spring.boot;

import dev.shepherd.bmdb.trace.ObservationTracer;
import dev.shepherd.bmdb.trace.Tracer;
import io.micrometer.observation.ObservationRegistry;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;

/** What the parts do, as observations, if the application has a registry of them: actuator makes one. */
@AutoConfiguration(
        before = ShepherdAutoConfiguration.class,
        afterName = {
            "org.springframework.boot.actuate.autoconfigure.observation.ObservationAutoConfiguration",
            "org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration"
        })
@ConditionalOnProperty(prefix = ShepherdProperties.PREFIX, name = "enabled", matchIfMissing = true)
@ConditionalOnClass(ObservationRegistry.class)
@ConditionalOnBean(ObservationRegistry.class)
final class TracesAutoConfiguration {

    @Bean
    @ConditionalOnMissingBean
    Tracer shepherdTracer(ObservationRegistry registry) {
        return ObservationTracer.of(registry);
    }
}
