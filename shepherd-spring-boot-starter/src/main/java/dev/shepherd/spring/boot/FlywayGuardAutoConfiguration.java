package dev.shepherd.spring.boot;

import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.flyway.FlywayMigrationStrategy;
import org.springframework.context.annotation.Bean;

/**
 * Keeps Boot 3 from migrating the application's own schema where the application has no migrations. Boot does so whenever Flyway is
 * on the class path, where it is now because of the fleet's database, and would make a table, or refuse to start beside tables that
 * are there. Boot 4 migrates only for applications that ask for it.
 */
@AutoConfiguration(beforeName = "org.springframework.boot.autoconfigure.flyway.FlywayAutoConfiguration")
@ConditionalOnProperty(prefix = ShepherdProperties.PREFIX, name = "enabled", matchIfMissing = true)
@ConditionalOnClass(name = "org.springframework.boot.autoconfigure.flyway.FlywayMigrationStrategy")
final class FlywayGuardAutoConfiguration {

    @Bean
    @ConditionalOnMissingBean
    FlywayMigrationStrategy shepherdFlywayMigrationStrategy() {
        return flyway -> {
            if (flyway.info().all().length > 0) {
                flyway.migrate();
            }
        };
    }
}
