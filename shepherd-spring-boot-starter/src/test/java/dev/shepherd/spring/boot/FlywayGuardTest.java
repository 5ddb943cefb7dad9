package dev.shepherd.spring.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.postgres.TestPostgres;
import dev.shepherd.testkit.provider.FakeProvider;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.util.ClassUtils;

/** The fleet's tables beside those of the application, in one schema. */
class FlywayGuardTest {

    private String url;

    @BeforeEach
    void makeDatabase() throws Exception {
        url = TestPostgres.shared().freshDatabase();
        execute("create table orders (id bigint primary key)");
    }

    @AfterEach
    void dropDatabase() {
        TestPostgres.shared().drop(url);
    }

    private void execute(String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Fleet {

        @Bean
        MachineTakeover takeover() {
            return target -> {
                throw new IllegalStateException("no machine is to be taken over");
            };
        }

        @Bean
        FakeProvider provider() {
            return FakeProvider.create(new ProviderType("fake"));
        }
    }

    private List<String> tablesAfterStart(String... arguments) throws Exception {
        List<String> all = new ArrayList<>(List.of("--spring.datasource.url=" + url));
        all.addAll(List.of(arguments));
        try (ConfigurableApplicationContext context = new SpringApplicationBuilder(Application.class, Fleet.class)
                .web(WebApplicationType.NONE)
                .registerShutdownHook(false)
                .run(all.toArray(String[]::new))) {
            return context.getBean(Bmdb.class)
                    .query(dsl -> dsl.fetch(
                                    "select table_name::text from information_schema.tables where table_schema = 'public'")
                            .into(String.class));
        }
    }

    @Test
    void anApplicationWithoutMigrationsStartsBesideItsTablesAndGetsNoHistoryOfFlyway() throws Exception {
        assertThat(tablesAfterStart())
                .contains("orders", "machines", "shepherd_schema_history")
                .doesNotContain("flyway_schema_history");
    }

    @Test
    void theMigrationsOfAnApplicationThatHasSomeComeFirst() throws Exception {
        assumeTrue(
                ClassUtils.isPresent("org.springframework.boot.autoconfigure.flyway.FlywayMigrationStrategy", null),
                "Boot 4 migrates only with a module of its own");
        execute("drop table orders");

        assertThat(tablesAfterStart("--spring.flyway.locations=classpath:migrations-of-the-application"))
                .contains("orders", "flyway_schema_history", "machines", "shepherd_schema_history");
    }

    @Test
    void anApplicationMayGetItsFirstMigrationsWhenTheFleetIsThere() throws Exception {
        assumeTrue(
                ClassUtils.isPresent("org.springframework.boot.autoconfigure.flyway.FlywayMigrationStrategy", null),
                "Boot 4 migrates only with a module of its own");
        execute("drop table orders");
        assertThat(tablesAfterStart()).contains("machines").doesNotContain("orders");

        assertThat(tablesAfterStart(
                        "--spring.flyway.locations=classpath:migrations-of-the-application",
                        "--spring.flyway.baseline-on-migrate=true",
                        "--spring.flyway.baseline-version=0"))
                .contains("orders", "flyway_schema_history");
    }
}
