package dev.shepherd.spring.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import dev.shepherd.web.access.Authorizer;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.web.SecurityFilterChain;

/** What an application with a server opens, and what it does not. */
class WebTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private final HttpClient client =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();

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
            FakeProvider provider = FakeProvider.create(new ProviderType("fake"));
            provider.addReservations(1);
            return provider;
        }

        /** As that of an application, but that the page looks after forged requests by itself. */
        @Bean
        SecurityFilterChain security(HttpSecurity http) throws Exception {
            return http.authorizeHttpRequests(requests -> requests.anyRequest().authenticated())
                    .csrf(csrf -> csrf.ignoringRequestMatchers("/fleet/**"))
                    .httpBasic(Customizer.withDefaults())
                    .build();
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Operators {

        @Bean
        Authorizer operators() {
            return (principal, action, machine) -> principal.equals("oncall");
        }
    }

    private static ConfigurableApplicationContext start(Class<?> more, String... arguments) {
        List<String> all = new ArrayList<>(List.of(
                "--server.port=0",
                "--shepherd.database.jdbc-url=" + database.jdbcUrl(),
                "--spring.datasource.url=" + database.jdbcUrl(),
                "--spring.security.user.name=oncall",
                "--spring.security.user.password=secret",
                "--management.endpoint.health.show-details=always"));
        all.addAll(List.of(arguments));
        return new SpringApplicationBuilder(Application.class)
                .sources(Fleet.class, more)
                .web(WebApplicationType.SERVLET)
                .registerShutdownHook(false)
                .run(all.toArray(String[]::new));
    }

    private static HttpRequest.Builder request(ConfigurableApplicationContext context, String path, boolean login) {
        String port = context.getEnvironment().getProperty("local.server.port");
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://localhost:" + port + path))
                .timeout(Duration.ofSeconds(20));
        if (login) {
            String credentials = Base64.getEncoder().encodeToString("oncall:secret".getBytes(StandardCharsets.UTF_8));
            request.header("Authorization", "Basic " + credentials);
        }
        return request;
    }

    private HttpResponse<String> get(ConfigurableApplicationContext context, String path, boolean login)
            throws Exception {
        return client.send(request(context, path, login).build(), HttpResponse.BodyHandlers.ofString());
    }

    private HttpResponse<String> quarantine(ConfigurableApplicationContext context, UUID machine) throws Exception {
        return client.send(
                request(context, "/fleet/api/v1/machines/" + machine + "/quarantine", true)
                        .header("X-Shepherd-Request", "1")
                        .header("Content-Type", "application/json")
                        .POST(HttpRequest.BodyPublishers.ofString("{\"reason\": \"smoke\"}"))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }

    @Test
    void nothingIsOpenThatTheApplicationDidNotOpen() throws Exception {
        try (ConfigurableApplicationContext context = start(Object.class)) {
            assertThat(get(context, "/fleet/", true).statusCode()).isEqualTo(404);
            assertThat(get(context, "/actuator/shepherd", true).statusCode()).isEqualTo(404);
            assertThat(get(context, "/actuator", true).body())
                    .contains("health")
                    .doesNotContain("shepherd");
            assertThat(get(context, "/actuator/health", true).body())
                    .contains("\"UP\"")
                    .doesNotContain("\"shepherd\"");
            assertThat(org.assertj.core.api.Assertions.catchThrowable(() -> new Socket("127.0.0.1", 7834).close()))
                    .as("where agents would report to")
                    .isInstanceOf(ConnectException.class);
        }
    }

    @Test
    void thePageIsBehindTheSecurityOfTheApplicationAndKnowsWhoAsks() throws Exception {
        try (ConfigurableApplicationContext context = start(Operators.class, "--shepherd.web.path=/fleet")) {
            Bmdb bmdb = context.getBean(Bmdb.class);
            await().until(() -> !bmdb.providedMachines().isEmpty());
            UUID machine = bmdb.providedMachines().get(0).machineId();

            assertThat(get(context, "/fleet/", false).statusCode()).isEqualTo(401);
            assertThat(get(context, "/fleet/", true).statusCode()).isEqualTo(200);
            assertThat(get(context, "/fleet/machines/" + machine, true).body()).contains("oncall");
            assertThat(quarantine(context, machine).statusCode()).isEqualTo(200);
            assertThat(Operator.of(bmdb).actions(machine, null, 10).toString()).contains("oncall", "smoke");

            HttpResponse<InputStream> live = client.send(
                    request(context, "/fleet/live", true).build(), HttpResponse.BodyHandlers.ofInputStream());
            assertThat(live.statusCode()).isEqualTo(200);
            assertThat(live.headers().firstValue("Content-Type"))
                    .hasValueSatisfying(type -> assertThat(type).startsWith("text/event-stream"));
            long start = System.nanoTime();
            context.close();
            assertThat(Duration.ofNanos(System.nanoTime() - start))
                    .as("the end of an application with an open page")
                    .isLessThan(Duration.ofSeconds(15));
            live.body().close();
        }
    }

    @Test
    void withoutAnAuthorizerThePageChangesNothing() throws Exception {
        try (ConfigurableApplicationContext context = start(Object.class, "--shepherd.web.path=/fleet")) {
            Bmdb bmdb = context.getBean(Bmdb.class);
            await().until(() -> !bmdb.providedMachines().isEmpty());

            assertThat(quarantine(context, bmdb.providedMachines().get(0).machineId())
                            .statusCode())
                    .isEqualTo(403);
        }
    }

    @Test
    void theActuatorShowsWhatIsExposed() throws Exception {
        try (ConfigurableApplicationContext context = start(
                Object.class,
                "--management.endpoints.web.exposure.include=health,metrics,shepherd",
                "--management.endpoint.health.probes.enabled=true",
                "--shepherd.web.count-interval=1s",
                "--management.health.shepherd.enabled=true")) {
            Bmdb bmdb = context.getBean(Bmdb.class);
            await().until(() -> !bmdb.providedMachines().isEmpty());
            UUID machine = bmdb.providedMachines().get(0).machineId();

            assertThat(get(context, "/actuator/shepherd", true).body())
                    .contains("\"fake\"", "\"provisioner\"", "\"RUNNING\"", "\"inRecovery\":0");
            assertThat(get(context, "/actuator/shepherd/" + machine, true).body())
                    .contains(machine.toString(), "\"eligible\"", "\"because\"");
            assertThat(get(context, "/actuator/shepherd/" + UUID.randomUUID(), true)
                            .statusCode())
                    .isEqualTo(404);
            assertThat(get(context, "/actuator/health", true).body())
                    .containsPattern("\"shepherd\":\\{[^}]*\"fake.recoverer\":\"RUNNING\"");
            assertThat(get(context, "/actuator/health/readiness", true).body())
                    .contains("\"UP\"")
                    .doesNotContain("shepherd");
            String metrics = get(context, "/actuator/metrics", true).body();
            assertThat(metrics).contains("shepherd.loop.steps", "shepherd.takeovers", "shepherd.database.transactions");
            // Counting may take a twentieth of the time at most, so that a slow first count puts the second off.
            await().atMost(Duration.ofMinutes(1))
                    .untilAsserted(() -> assertThat(get(context, "/actuator/metrics/shepherd.fleet.machines", true)
                                    .body())
                            .contains("\"fake\""));
        }
    }
}
