package dev.shepherd.spring.boot;

import com.zaxxer.hikari.HikariDataSource;
import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.event.ShepherdListener;
import dev.shepherd.bmdb.trace.Tracer;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.manager.takeover.SshCredentials;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.sql.init.dependency.DependsOnDatabaseInitialization;
import org.springframework.context.annotation.Bean;

/** The database, the providers, and the shepherd that runs them. */
@AutoConfiguration(
        afterName = {
            "org.springframework.boot.autoconfigure.jdbc.DataSourceAutoConfiguration",
            "org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration"
        })
@ConditionalOnProperty(prefix = ShepherdProperties.PREFIX, name = "enabled", matchIfMissing = true)
@EnableConfigurationProperties(ShepherdProperties.class)
final class ShepherdAutoConfiguration {

    private static final Logger log = LoggerFactory.getLogger(ShepherdAutoConfiguration.class);

    /** What loops hold at the same time at most, and three for heartbeats, wake-ups, and the application. */
    private static final int FEW_CONNECTIONS = 13;

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    @DependsOnDatabaseInitialization
    Bmdb shepherdBmdb(
            ShepherdProperties properties,
            ConfigurableListableBeanFactory beans,
            ObjectProvider<DataSource> dataSources,
            @ShepherdDataSource ObjectProvider<DataSource> marked,
            ObjectProvider<Tracer> tracers,
            ObjectProvider<BmdbConfigCustomizer> customizers) {
        Libraries.requireJooq(beans.getBeanClassLoader());
        DatabaseProperties database = properties.database();
        BmdbConfig config = Setting.named(DatabaseProperties.PREFIX, () -> {
            BmdbConfig.Builder settings = BmdbConfig.builder();
            DataSource own = marked.getIfUnique();
            if (database.jdbcUrl() == null) {
                database.requireNothingOfAUrl();
                settings.dataSource(own == null ? only(dataSources) : own);
            } else if (own != null) {
                throw new ConfigurationException(
                        "jdbcUrl",
                        "the URL says where the fleet is, and so does the DataSource that is marked by"
                                + " @ShepherdDataSource: take one of both away");
            }
            database.applyTo(settings);
            BeanReference.all(beans, ShepherdListener.class)
                    .forEach(listener ->
                            settings.listener(event -> listener.get().onEvent(event)));
            tracers.ifUnique(settings::tracer);
            customizers.orderedStream().forEach(customizer -> customizer.customize(settings));
            return settings.build();
        });
        return Bmdb.open(config);
    }

    private static DataSource only(ObjectProvider<DataSource> dataSources) {
        DataSource dataSource = dataSources.getIfUnique();
        if (dataSource == null) {
            boolean several = dataSources.stream().findAny().isPresent();
            throw new ConfigurationException(
                    "jdbcUrl",
                    several
                            ? "there are several DataSources: mark the one that is the fleet's by @ShepherdDataSource,"
                                    + " or give a URL"
                            : "there is no database: give the URL of a PostgreSQL, or have a DataSource, as by"
                                    + " spring.datasource.url and spring-boot-starter-jdbc");
        }
        warnIfSmall(dataSource);
        return dataSource;
    }

    /** A session is lost if its heartbeat waits for a connection for too long. */
    private static void warnIfSmall(DataSource dataSource) {
        try {
            if (dataSource.isWrapperFor(HikariDataSource.class)) {
                int size = dataSource.unwrap(HikariDataSource.class).getMaximumPoolSize();
                if (size < FEW_CONNECTIONS) {
                    log.warn(
                            "The DataSource has {} connections at most, for the application and the fleet together: {}"
                                    + " or more keep sessions from waiting"
                                    + " (spring.datasource.hikari.maximum-pool-size)",
                            size,
                            FEW_CONNECTIONS);
                }
            }
        } catch (SQLException e) {
            log.debug("The DataSource does not say what it is", e);
        }
    }

    @Bean
    @ConditionalOnMissingBean
    FleetSettings shepherdFleetSettings(
            ShepherdProperties properties,
            ObjectProvider<MachineTakeover> takeover,
            ObjectProvider<SshCredentials> credentials) {
        return new FleetSettings(properties, takeover.getIfAvailable(), credentials.getIfAvailable());
    }

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    Providers shepherdProviders(
            FleetSettings settings,
            ConfigurableListableBeanFactory beans,
            ObjectProvider<Provider> providers,
            ObjectProvider<ProviderFactory> factories)
            throws InterruptedException {
        List<ProviderFactory> all = new ArrayList<>(factories.orderedStream().toList());
        ServiceLoader.load(ProviderFactory.class, beans.getBeanClassLoader()).forEach(all::add);
        return Providers.of(settings, providers.orderedStream().toList(), all);
    }

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    Shepherd shepherd(
            Bmdb bmdb,
            ShepherdProperties properties,
            FleetSettings settings,
            Providers providers,
            ConfigurableListableBeanFactory beans,
            ObjectProvider<ShepherdCustomizer> customizers) {
        return Setting.named(ShepherdProperties.PREFIX, () -> {
            Shepherd.Builder shepherd = Shepherd.builder()
                    .bmdb(bmdb)
                    .disruptions(properties.disruptions().settings(beans));
            settings.applyTo(shepherd);
            for (Provider provider : providers.all()) {
                shepherd.provider(provider, settings.of(provider.type()));
            }
            customizers.orderedStream().forEach(customizer -> customizer.customize(shepherd));
            return shepherd.build();
        });
    }

    @Bean
    @ConditionalOnMissingBean
    ShepherdLifecycle shepherdLifecycle(
            ShepherdProperties properties, ConfigurableListableBeanFactory beans, Shepherd shepherd) {
        return new ShepherdLifecycle(properties, beans, shepherd);
    }
}
