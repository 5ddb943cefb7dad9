package dev.shepherd.spring.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.event.ShepherdEvent;
import dev.shepherd.bmdb.event.ShepherdListener;
import dev.shepherd.bmdb.fleet.Fleet;
import dev.shepherd.bmdb.fleet.MachineFilter;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.ShepherdMetrics;
import dev.shepherd.manager.disruption.DisruptionGate;
import dev.shepherd.manager.disruption.DrainHook;
import dev.shepherd.manager.disruption.GateAnswer;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import dev.shepherd.web.webhook.Webhook;
import dev.shepherd.web.webhook.WebhookMetrics;
import dev.shepherd.web.webhook.WebhookSettings;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.ds.PGSimpleDataSource;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.SystemEnvironmentPropertySource;

class ShepherdAutoConfigurationTest {

    private static final String SECRET = "0123456789abcdef-of-a-test";
    private static final ProviderType RACKS = new ProviderType("lab-racks");
    private static final MachineTakeover NEVER = target -> {
        throw new IllegalStateException("no machine is to be taken over");
    };

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private final ApplicationContextRunner bare = new ApplicationContextRunner()
            .withConfiguration(AutoConfigurations.of(
                    ShepherdAutoConfiguration.class,
                    AgentEndpointAutoConfiguration.class,
                    WebAutoConfiguration.class,
                    WebhookAutoConfiguration.class,
                    MetricsAutoConfiguration.class,
                    ActuatorAutoConfiguration.class,
                    HealthAutoConfiguration.class));

    private ApplicationContextRunner withDatabase() {
        return bare.withPropertyValues("shepherd.database.jdbc-url=" + database.jdbcUrl());
    }

    private ApplicationContextRunner complete() {
        return withDatabase()
                .withBean(MachineTakeover.class, () -> NEVER)
                .withBean(FakeProvider.class, () -> FakeProvider.create(RACKS));
    }

    private static Throwable root(Throwable failure) {
        return failure.getCause() == null ? failure : root(failure.getCause());
    }

    private static ConfigurationException refusal(ApplicationContextRunner runner) {
        ConfigurationException[] refused = new ConfigurationException[1];
        runner.run(context -> {
            assertThat(context).hasFailed();
            Throwable failure = context.getStartupFailure();
            while (failure != null && !(failure instanceof ConfigurationException)) {
                failure = failure.getCause();
            }
            assertThat(failure).as("%s", context.getStartupFailure()).isNotNull();
            refused[0] = (ConfigurationException) failure;
        });
        return refused[0];
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "shepherd.databse.jdbc-url",
                "shepherd.database.jdbc-uri",
                "shepherd.recovery.max-shares",
                "shepherd.recovery.backoff.inital",
                "shepherd.providers.lab-racks.knd",
                "shepherd.providers.lab-racks.recovery.max-shares",
                "shepherd.agent.credentials.keys",
                "shepherd.agent-endpoint.limits.thread"
            })
    void aMisspeltPropertyFailsTheStartWithItsName(String property) {
        complete().withPropertyValues(property + "=1").run(context -> {
            assertThat(context).hasFailed();
            assertThat(root(context.getStartupFailure()))
                    .hasMessageContaining(property)
                    .hasMessageContaining("left unbound");
        });
    }

    @Test
    void propertiesAndVariablesOfOthersAreNotItsBusiness() {
        complete()
                .withPropertyValues("shepherds.databse=1", "management.shepherd.databse=1")
                // As Kubernetes has them for services named shepherd and shepherd-web.
                .withInitializer(context -> environment(
                        context.getEnvironment().getPropertySources(),
                        Map.of("SHEPHERD_PORT", "tcp://10.0.0.1:80", "SHEPHERD_WEB_SERVICE_HOST", "10.0.0.2")))
                .run(context -> assertThat(context).hasNotFailed());
    }

    private static void environment(
            org.springframework.core.env.MutablePropertySources sources, Map<String, Object> variables) {
        sources.replace("systemEnvironment", new SystemEnvironmentPropertySource("systemEnvironment", variables));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    shepherd.recovery.max-share=3                | shepherd.recovery.max-share         | over 0 and at most 1
                    shepherd.database.session-interval=0s        | shepherd.database.session-interval  | from 1 s
                    shepherd.initializer.backoff.jitter=2        | shepherd.initializer.backoff.jitter | jitter
                    shepherd.providers.lab-racks.recovery.max-reboots=-1 | shepherd.providers.lab-racks.recovery.max-reboots | from 0
                    shepherd.recovery.label-limits=often         | shepherd.recovery.label-limits      | often
                    shepherd.agent.user=root                     | shepherd.agent                      | the bean of type MachineTakeover
                    shepherd.providers.lab-racks.kind=static     | shepherd.providers.lab-racks.kind   | a bean is the provider
                    shepherd.providers.other.kind=cloud          | shepherd.providers.other.kind       | there are: static
                    shepherd.providers.static.properties.lst=x   | shepherd.providers.static.properties.lst | it has: list
                    shepherd.providers.static.properties.timeout=1s | shepherd.providers.static.properties.list | needs the property
                    shepherd.providers.No_Name.kind=static       | shepherd.providers.No_Name          | No_Name
                    shepherd.agent-endpoint.plain-http=true      | shepherd.agent-endpoint.address     | is missing
                    shepherd.agent-endpoint.address=10.1.2.3:99999 | shepherd.agent-endpoint.address   | from 1 to 65535
                    shepherd.agent-endpoint.address=0.0.0.0:7834 | shepherd.agent-endpoint.tls         | tls
                    shepherd.agent-callback.queue-size=7         | shepherd.agent-callback             | goes with
                    shepherd.web.path=/fleet                     | shepherd.web.path                   | there is no page to mount
                    shepherd.web.hosts=fleet.example.com         | shepherd.web.hosts                  | goes with
                    """)
    void whatCannotBeIsRefusedByItsName(String given, String property, String why) {
        ConfigurationException refused = refusal(complete().withPropertyValues(given));

        assertThat(refused.property()).contains(property);
        assertThat(refused).hasMessageContaining(property).hasMessageContaining(why);
    }

    @Test
    void whatIsMissingIsNamed() {
        assertThat(refusal(bare)).hasMessageContaining("there is no database");
        assertThat(refusal(bare.withPropertyValues("shepherd.database.username=x")))
                .hasMessageContaining("goes with shepherd.database.jdbc-url");
        assertThat(refusal(withDatabase().withBean(MachineTakeover.class, () -> NEVER)))
                .hasMessageContaining("shepherd.providers: there is no provider")
                .hasMessageContaining("there are: static");
        ApplicationContextRunner provided =
                withDatabase().withBean(FakeProvider.class, () -> FakeProvider.create(RACKS));
        assertThat(refusal(provided)).hasMessageContaining("shepherd.agent.executable");
        String executable = "shepherd.agent.executable=" + System.getProperty("java.home") + "/bin/java";
        assertThat(refusal(provided.withPropertyValues(executable))).hasMessageContaining("shepherd.agent.endpoint");
        assertThat(refusal(provided.withPropertyValues(executable, "shepherd.agent.endpoint=http://here")))
                .hasMessageContaining("shepherd.agent.credentials");
        assertThat(refusal(provided.withPropertyValues(
                        "shepherd.agent.executable=none/here", "shepherd.agent.endpoint=http://here")))
                .hasMessageContaining("shepherd.agent.executable: none/here is not a file");
        assertThat(refusal(provided.withPropertyValues(
                        executable, "shepherd.agent.endpoint=http://here", "shepherd.agent.credentials.key=none/here")))
                .hasMessageContaining("shepherd.agent.credentials.key");
        provided.withPropertyValues(executable, "shepherd.agent.endpoint=http://here")
                .withBean(SshCredentials.class, () -> SshCredentials.password("secret".toCharArray()))
                .run(context -> assertThat(context).hasNotFailed());
    }

    @Test
    void withoutTheInitializerNothingOfAgentsIsNeeded() {
        withDatabase()
                .withBean(FakeProvider.class, () -> FakeProvider.create(RACKS))
                .withPropertyValues("shepherd.loops=provisioner,updater")
                .run(context -> assertThat(context).hasNotFailed());
    }

    @Test
    void variablesOfTheEnvironmentReachKeysWithDashes() {
        withDatabase()
                .withBean(MachineTakeover.class, () -> NEVER)
                .withPropertyValues(
                        "shepherd.providers.lab-racks.kind=static",
                        "shepherd.providers.lab-racks.properties.list=file:none.json")
                .withInitializer(context -> environment(
                        context.getEnvironment().getPropertySources(),
                        Map.of(
                                "SHEPHERD_PROVIDERS_LABRACKS_PROPERTIES_MAXSIZE", "7",
                                "SHEPHERD_PROVIDERS_LABRACKS_RECOVERY_MAXREBOOTS", "9")))
                .run(context -> {
                    assertThat(context).hasNotFailed();
                    assertThat(context.getBean(Providers.class).all())
                            .extracting(Provider::type)
                            .containsExactly(RACKS);
                    assertThat(context.getBean(FleetSettings.class)
                                    .policies()
                                    .of(RACKS)
                                    .maxReboots())
                            .isEqualTo(9);
                });
        // That it has reached the provider is seen by what that refuses.
        assertThat(refusal(withDatabase()
                        .withBean(MachineTakeover.class, () -> NEVER)
                        .withPropertyValues(
                                "shepherd.providers.lab-racks.kind=static",
                                "shepherd.providers.lab-racks.properties.list=file:none.json")
                        .withInitializer(context -> environment(
                                context.getEnvironment().getPropertySources(),
                                Map.of("SHEPHERD_PROVIDERS_LABRACKS_PROPERTIES_MAXSIZE", "much")))))
                .hasMessageContaining("shepherd.providers.lab-racks.properties.max-size");
    }

    @Test
    void aProviderHasItsOwnSettingsLaidOverThoseForAllKeyByKey() {
        complete()
                .withBean("other", FakeProvider.class, () -> FakeProvider.create(new ProviderType("other")))
                .withPropertyValues(
                        "shepherd.recovery.max-reboots=5",
                        "shepherd.recovery.cooldown=20m",
                        "shepherd.recovery.backoff.jitter=0.5",
                        "shepherd.providers.lab-racks.recovery.max-reboots=7",
                        "shepherd.providers.lab-racks.recovery.backoff.exponent=2")
                .run(context -> {
                    var policies = context.getBean(FleetSettings.class).policies();
                    assertThat(policies.of(new ProviderType("other")).maxReboots())
                            .isEqualTo(5);
                    assertThat(policies.of(RACKS).maxReboots()).isEqualTo(7);
                    assertThat(policies.of(RACKS).cooldown()).hasMinutes(20);
                    assertThat(policies.of(RACKS).backoff().jitter()).isEqualTo(0.5);
                    assertThat(policies.of(RACKS).backoff().exponent()).isEqualTo(2);
                });
    }

    @Test
    void nothingIsThereThatWasNotAskedFor() {
        complete()
                .run(context -> assertThat(context)
                        .hasSingleBean(Shepherd.class)
                        .doesNotHaveBean(AgentCallback.class)
                        .doesNotHaveBean(AgentEndpoint.class)
                        .doesNotHaveBean(ShepherdMetrics.class)
                        .doesNotHaveBean(ShepherdEndpoint.class)
                        .doesNotHaveBean("shepherdHealthIndicator")
                        .doesNotHaveBean("shepherdWebServlet")
                        .doesNotHaveBean(Webhook.class)
                        .doesNotHaveBean(WebhookAutoConfiguration.LIFECYCLE));
        bare.withPropertyValues("shepherd.enabled=false", "shepherd.databse=1")
                .run(context -> assertThat(context)
                        .hasNotFailed()
                        .doesNotHaveBean(Bmdb.class)
                        .doesNotHaveBean(Shepherd.class));
    }

    @Test
    void metricsCountTheFleetWithoutAPage() {
        complete().withBean(MeterRegistry.class, SimpleMeterRegistry::new).run(context -> {
            assertThat(context).hasSingleBean(ShepherdMetrics.class).hasSingleBean(FleetCounting.class);
            MeterRegistry registry = context.getBean(MeterRegistry.class);
            // As Boot's actuator does.
            context.getBeansOfType(io.micrometer.core.instrument.binder.MeterBinder.class)
                    .values()
                    .forEach(binder -> binder.bindTo(registry));
            await().untilAsserted(() -> assertThat(
                            registry.find("shepherd.fleet.counts.age").gauge())
                    .isNotNull());
            assertThat(registry.find("shepherd.loop.steps").meters()).isNotEmpty();
        });
    }

    @Test
    void eventsAreSentSignedForAsLongAsTheApplicationRuns() throws Exception {
        List<String> received = new CopyOnWriteArrayList<>();
        HttpServer receiver = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        receiver.createContext("/events", exchange -> {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            received.add(exchange.getRequestHeaders().getFirst("webhook-signature") + " " + body);
            exchange.sendResponseHeaders(204, -1);
            exchange.close();
        });
        receiver.start();
        try {
            withDatabase()
                    .withBean(MachineTakeover.class, () -> NEVER)
                    // Of a type of its own: other tests have recorded the machine of theirs.
                    .withBean(FakeProvider.class, () -> FakeProvider.create(new ProviderType("told-racks")))
                    .withBean(MeterRegistry.class, SimpleMeterRegistry::new)
                    .withPropertyValues(
                            "shepherd.provisioner.interval=1s",
                            "shepherd.webhook.url=http://127.0.0.1:"
                                    + receiver.getAddress().getPort() + "/events",
                            "shepherd.webhook.secret=" + SECRET,
                            "shepherd.webhook.kinds=machine-recorded,quarantined")
                    .run(context -> {
                        assertThat(context).hasNotFailed().hasSingleBean(WebhookMetrics.class);
                        Webhook webhook = context.getBean(Webhook.class);
                        // It begins with what comes once it holds its place in the feed.
                        await().until(() -> webhook.eventsBehind() == 0);
                        context.getBean(FakeProvider.class).addReservations(1);
                        await().untilAsserted(() -> assertThat(received).hasSize(1));
                        assertThat(received.get(0)).startsWith("v1,").contains("{\"type\":\"MachineRecorded\"");
                        assertThat(context.getBean(ShepherdProperties.class).toString())
                                .doesNotContain(SECRET);
                    });
        } finally {
            receiver.stop(0);
        }
        await().untilAsserted(() -> assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .noneMatch(name -> name.startsWith("shepherd-webhook")));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    url=http://127.0.0.1:1/e                                        | secret | secret is missing
                    url=http://127.0.0.1:1/e shepherd.webhook.secret=short          | secret | at least 16 bytes
                    url=ftp://127.0.0.1/e shepherd.webhook.secret=0123456789abcdef  | url    | must be http://HOST
                    secret=0123456789abcdef                                         | secret | goes with shepherd.webhook.url
                    kinds=quarantined                                               | kinds  | goes with shepherd.webhook.url
                    """)
    void aWebhookThatCannotBeIsRefusedByTheNameOfItsProperty(String given, String property, String why) {
        ConfigurationException refused =
                refusal(complete().withPropertyValues(("shepherd.webhook." + given).split(" ")));

        assertThat(refused.property()).contains("shepherd.webhook." + property);
        assertThat(refused).hasMessageContaining(why);
        assertThat(refused.getMessage()).doesNotContain("0123456789abcdef");
    }

    @Test
    void aWebhookWithoutThePartThatSendsIsRefused() {
        ConfigurationException refused = refusal(complete()
                .withClassLoader(new FilteredClassLoader("dev.shepherd.web"))
                .withPropertyValues("shepherd.webhook.url=http://127.0.0.1:1/e", "shepherd.webhook.secret=" + SECRET));

        assertThat(refused).hasMessageContaining("it takes dev.shepherd:shepherd-web on the class path");
    }

    @Test
    void theApplicationsOwnWebhookIsTheOneThatSends() {
        complete()
                .withPropertyValues("shepherd.webhook.url=http://127.0.0.1:1/e", "shepherd.webhook.secret=" + SECRET)
                .withUserConfiguration(OwnWebhook.class)
                .run(context -> {
                    assertThat(context).hasNotFailed().hasSingleBean(Webhook.class);
                    assertThat(context).hasBean("own").doesNotHaveBean("shepherdWebhook");
                });
    }

    @Configuration(proxyBeanMethods = false)
    static class OwnWebhook {

        @Bean(destroyMethod = "close")
        Webhook own(Bmdb bmdb) {
            return Webhook.of(
                    bmdb,
                    WebhookSettings.builder()
                            .url(URI.create("http://127.0.0.1:1/other"))
                            .secret(SECRET)
                            .build());
        }
    }

    @Test
    void theApplicationsOwnBeansComeFirst() {
        Bmdb own = database.bmdb();
        bare.withBean("own", Bmdb.class, () -> own, definition -> definition.setDestroyMethodName(""))
                .withBean(FakeProvider.class, () -> FakeProvider.create(RACKS))
                .withBean(MachineTakeover.class, () -> NEVER)
                .run(context -> {
                    assertThat(context).hasNotFailed().hasSingleBean(Bmdb.class);
                    assertThat(context.getBean(Bmdb.class)).isSameAs(own);
                });
    }

    @Test
    void theDatabaseIsTheApplicationsDataSource() {
        ApplicationContextRunner runner = bare.withBean(FakeProvider.class, () -> FakeProvider.create(RACKS))
                .withBean(MachineTakeover.class, () -> NEVER)
                .withBean("first", DataSource.class, ShepherdAutoConfigurationTest::dataSource);
        runner.run(context -> assertThat(context.getBean(Bmdb.class)).hasToString("the database of the DataSource"));
        ApplicationContextRunner two = runner.withBean("second", DataSource.class, () -> new PGSimpleDataSource());
        assertThat(refusal(two)).hasMessageContaining("there are several DataSources");
        ApplicationContextRunner marked = bare.withBean(FakeProvider.class, () -> FakeProvider.create(RACKS))
                .withBean(MachineTakeover.class, () -> NEVER)
                .withBean("second", DataSource.class, () -> new PGSimpleDataSource())
                .withUserConfiguration(Marked.class);
        marked.run(context -> assertThat(context).hasNotFailed());
        assertThat(refusal(marked.withPropertyValues("shepherd.database.jdbc-url=" + database.jdbcUrl())))
                .hasMessageContaining("@ShepherdDataSource: take one of both away");
        // Another database than that of the application is no contradiction.
        two.withPropertyValues("shepherd.database.jdbc-url=" + database.jdbcUrl())
                .run(context -> assertThat(context).hasNotFailed());
    }

    private static DataSource dataSource() {
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setUrl(database.jdbcUrl());
        return source;
    }

    @Configuration(proxyBeanMethods = false)
    static class Marked {

        @Bean
        @ShepherdDataSource
        DataSource fleetDataSource() {
            return dataSource();
        }
    }

    @Test
    void aListenerMayNeedTheDatabaseThatIsGivenTheListener() {
        complete().withUserConfiguration(Listening.class).run(context -> {
            assertThat(context).hasNotFailed();
            context.getBean(FakeProvider.class).addReservations(1);
            Listening.Journal journal = context.getBean(Listening.Journal.class);
            await().untilAsserted(() ->
                    assertThat(journal.events).extracting(ShepherdEvent::kind).contains(EventKind.MACHINE_RECORDED));
            assertThat(journal.read).isNotEmpty();
        });
    }

    @Configuration(proxyBeanMethods = false)
    static class Listening {

        /** Looks into the database for each event. */
        static final class Journal implements ShepherdListener {
            final List<ShepherdEvent> events = new CopyOnWriteArrayList<>();
            final List<Object> read = new CopyOnWriteArrayList<>();
            private final Bmdb bmdb;

            Journal(Bmdb bmdb) {
                this.bmdb = bmdb;
            }

            @Override
            public void onEvent(ShepherdEvent event) throws InterruptedException {
                read.add(bmdb.now());
                events.add(event);
            }
        }

        @Bean
        Journal journal(Bmdb bmdb) {
            return new Journal(bmdb);
        }

        @Bean
        ShepherdListener another() {
            return event -> {
                throw new IllegalStateException("costs only itself");
            };
        }
    }

    @Test
    void gatesAndDrainHooksAreBeansAndMayNeedWhatAsksThem() {
        // Of its own, since the tests share a database.
        ProviderType gated = new ProviderType("gated");
        MachineFilter its = MachineFilter.ALL.of(gated);
        withDatabase()
                .withBean(MachineTakeover.class, () -> NEVER)
                .withBean(FakeProvider.class, () -> FakeProvider.create(gated))
                .withUserConfiguration(Saying.class)
                .withPropertyValues(
                        // The others would work on the machine.
                        "shepherd.loops=provisioner",
                        "shepherd.disruptions.windows=Sat 00:00-24:00",
                        "shepherd.disruptions.windows-for=rollout",
                        "shepherd.disruptions.limits=1 of raft-group")
                .run(context -> {
                    assertThat(context).hasNotFailed();
                    context.getBean(FakeProvider.class).addReservations(1);
                    Bmdb bmdb = context.getBean(Bmdb.class);
                    Fleet fleet = Fleet.of(bmdb, RecoveryPolicy.DEFAULT);
                    await().until(() -> fleet.machines(its, null, 10).lines().size() == 1);
                    UUID machine = fleet.machines(its, null, 10)
                            .lines()
                            .get(0)
                            .machine()
                            .machineId();
                    assertThatThrownBy(() -> context.getBean(Shepherd.class)
                                    .reboot(machine, Actor.program("oncall"), "it is slow", false))
                            .hasMessageContaining("gate customer holds it back: 1 provider(s), not now");
                });
    }

    @Configuration(proxyBeanMethods = false)
    static class Saying {

        @Bean
        DisruptionGate customer(Shepherd shepherd) {
            return disruption -> GateAnswer.notNow(shepherd.status().recovery().size() + " provider(s), not now");
        }

        @Bean
        DrainHook scheduler() {
            return disruption -> Duration.ZERO;
        }
    }

    @Test
    void whatIsWrongWithAWindowNamesTheProperty() {
        complete()
                .withPropertyValues("shepherd.disruptions.windows=Mo 10:00-11:00")
                .run(context ->
                        assertThat(context).getFailure().rootCause().hasMessageContaining("there is no day \"Mo\""));
        complete()
                .withPropertyValues("shepherd.disruptions.windows-for=rollout")
                .run(context ->
                        assertThat(context).getFailure().hasStackTraceContaining("shepherd.disruptions.windows-for"));
    }
}
