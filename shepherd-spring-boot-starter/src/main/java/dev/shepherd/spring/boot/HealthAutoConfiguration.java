package dev.shepherd.spring.boot;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.status.LoopStatus;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * An indicator of health, if the application wants it. It is in no group: an application that cannot reach the fleet's database
 * still answers requests.
 */
@AutoConfiguration(after = ShepherdAutoConfiguration.class)
@ConditionalOnProperty(prefix = ShepherdProperties.PREFIX, name = "enabled", matchIfMissing = true)
@ConditionalOnProperty(prefix = "management.health.shepherd", name = "enabled")
final class HealthAutoConfiguration {

    private static final String NAME = "shepherdHealthIndicator";

    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(name = "org.springframework.boot.actuate.health.HealthIndicator")
    static class OfBoot3 {

        @Bean
        @ConditionalOnMissingBean(name = NAME)
        org.springframework.boot.actuate.health.HealthIndicator shepherdHealthIndicator(Bmdb bmdb, Shepherd shepherd) {
            return () -> {
                FleetHealth health = FleetHealth.of(bmdb, shepherd);
                return (health.healthy()
                                ? org.springframework.boot.actuate.health.Health.up()
                                : org.springframework.boot.actuate.health.Health.down())
                        .withDetails(health.details())
                        .build();
            };
        }
    }

    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(name = "org.springframework.boot.health.contributor.HealthIndicator")
    static class OfBoot4 {

        @Bean
        @ConditionalOnMissingBean(name = NAME)
        org.springframework.boot.health.contributor.HealthIndicator shepherdHealthIndicator(
                Bmdb bmdb, Shepherd shepherd) {
            return () -> {
                FleetHealth health = FleetHealth.of(bmdb, shepherd);
                return (health.healthy()
                                ? org.springframework.boot.health.contributor.Health.up()
                                : org.springframework.boot.health.contributor.Health.down())
                        .withDetails(health.details())
                        .build();
            };
        }
    }

    /**
     * Whether the loops run and the database answers; whatever version of Boot asks. A provider that fails does not make the
     * application unhealthy: no restart would help, and the loops go on trying.
     *
     * @param healthy whether both is so
     * @param details what each loop is doing, and what is wrong
     */
    record FleetHealth(boolean healthy, Map<String, Object> details) {

        /** Looks. Asks the database, and takes as long as the library waits for it. */
        static FleetHealth of(Bmdb bmdb, Shepherd shepherd) {
            Map<String, Object> details = new LinkedHashMap<>();
            Map<String, String> loops = new TreeMap<>();
            boolean closed = false;
            for (LoopStatus loop : shepherd.status().loops()) {
                closed |= loop.state() == LoopStatus.State.CLOSED;
                loops.put(
                        loop.provider().name() + "." + loop.name(), loop.state().name());
            }
            details.put("loops", loops);
            try {
                bmdb.now();
                details.put("database", "answers");
                return new FleetHealth(!closed, details);
            } catch (BmdbException e) {
                details.put("database", String.valueOf(e.getMessage()));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                details.put("database", "not asked: interrupted");
            }
            return new FleetHealth(false, details);
        }
    }
}
