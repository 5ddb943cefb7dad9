package dev.shepherd.spring.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import dev.shepherd.testkit.ssh.Mood;
import dev.shepherd.testkit.ssh.SshHost;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Whole applications, which are started and ended. */
@ExtendWith(OutputCaptureExtension.class)
class LifecycleTest {

    private static final int MACHINES = 8;

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    @TempDir
    static Path folder;

    private static Path agent;
    private static Path key;
    private static String publicKey;

    private Set<Thread> before;

    @BeforeAll
    static void makeAgent() {
        agent = TestAgent.write(folder.resolve("agent"));
        key = folder.resolve("id_ed25519");
        publicKey = SshCredentials.generateIfAbsent(key).publicKey().orElseThrow();
    }

    @BeforeEach
    void rememberThreads() {
        before = Thread.getAllStackTraces().keySet();
    }

    private static SpringApplicationBuilder application(Class<?>... more) {
        return new SpringApplicationBuilder(Application.class)
                .sources(more)
                .web(WebApplicationType.NONE)
                .registerShutdownHook(false);
    }

    private String[] arguments(Path list, String... more) {
        return Stream.concat(
                        Stream.of(
                                "--spring.datasource.url=" + database.jdbcUrl(),
                                "--spring.datasource.hikari.maximum-pool-size=20",
                                "--shepherd.providers.racks.kind=static",
                                "--shepherd.providers.racks.properties.list=" + list.toUri(),
                                "--shepherd.agent.executable=" + agent,
                                "--shepherd.agent.credentials.key=" + key,
                                "--shepherd.agent.endpoint=http://127.0.0.1:1"),
                        Stream.of(more))
                .toArray(String[]::new);
    }

    /** Threads of ours, of SSH, of Netty and of connections that were not there before. */
    private List<String> newThreads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> !before.contains(thread))
                .map(Thread::getName)
                // The database of the test itself makes threads when it has to, and so does its SSH server.
                .filter(name -> name.matches("(shepherd-(?!bmdb|postgres)|sshj-|globalEventExecutor|HikariPool).*"))
                .sorted()
                .toList();
    }

    private long work() throws InterruptedException {
        return database.bmdb()
                .query(dsl -> dsl.fetchOne("select count(*) from work").into(Long.class));
    }

    private long sessions() throws InterruptedException {
        return database.bmdb()
                .query(dsl -> dsl.fetchOne("select count(*) from sessions").into(Long.class));
    }

    @Test
    void anApplicationThatEndsInTheMiddleOfTakeoversLeavesNothing() throws Exception {
        List<SshHost> hosts = new ArrayList<>();
        try {
            for (int i = 0; i < MACHINES; i++) {
                Mood mood = List.of(Mood.HANG_IN_AGENT, Mood.HANG_IN_UPLOAD, Mood.HANG_AFTER_BANNER)
                        .get(i % 3);
                hosts.add(SshHost.builder().authorizedKey(publicKey).mood(mood).start());
            }
            Path list = Files.writeString(
                    folder.resolve("machines.json"),
                    hosts.stream()
                            .map(host -> "{\"ID\": \"m-%d\", \"Addr\": \"127.0.0.1\", \"SSHPort\": %d}"
                                    .formatted(host.port(), host.port()))
                            .collect(Collectors.joining(",", "[", "]")));
            ConfigurableApplicationContext context = application().run(arguments(list));
            try {
                await().atMost(Duration.ofMinutes(1)).until(() -> work() == MACHINES);
                await().until(() -> hosts.stream().allMatch(host -> host.openConnections() > 0));
                assertThat(newThreads()).anyMatch(name -> name.startsWith("shepherd-takeover-"));
            } finally {
                long start = System.nanoTime();
                context.close();
                assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(15));
            }
            assertThat(work()).isZero();
            assertThat(sessions()).isZero();
            await().untilAsserted(() -> assertThat(newThreads()).isEmpty());
            await().until(() -> hosts.stream().allMatch(host -> host.openConnections() == 0));
        } finally {
            hosts.forEach(SshHost::close);
        }
    }

    @Test
    void aStartThatFailsLeavesNothing(CapturedOutput output) throws Exception {
        Path list = Files.writeString(folder.resolve("none.json"), "[]");
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            assertThatThrownBy(() -> application()
                            .run(arguments(list, "--shepherd.agent-endpoint.address=" + taken.getLocalPort())))
                    .isInstanceOf(RuntimeException.class);
        }
        assertThat(sessions()).isZero();
        await().untilAsserted(() -> assertThat(newThreads()).isEmpty());
        assertThat(output).contains("shepherdLifecycle");
    }

    @Test
    void aFailureIsToldWithPropertyPlaceAndAdviceInPlaceOfATrace(CapturedOutput output) throws Exception {
        Path list = Files.writeString(folder.resolve("none.json"), "[]");

        assertThatThrownBy(() -> application().run(arguments(list, "--shepherd.recovery.max-share=3")))
                .isInstanceOf(RuntimeException.class);

        assertThat(output)
                .contains("APPLICATION FAILED TO START")
                .contains("shepherd.recovery.max-share: maxShare must be over 0 and at most 1, not 3")
                .contains("It is set by \"shepherd.recovery.max-share\" from property source \"commandLineArgs\"")
                .contains("Correct the property shepherd.recovery.max-share");
    }

    @Test
    void aMisspeltPropertyIsToldWithItsName(CapturedOutput output) throws Exception {
        Path list = Files.writeString(folder.resolve("none.json"), "[]");

        assertThatThrownBy(() -> application().run(arguments(list, "--shepherd.recovry.max-share=0.3")))
                .isInstanceOf(RuntimeException.class);

        assertThat(output)
                .contains("APPLICATION FAILED TO START")
                .contains("Property: shepherd.recovry.max-share")
                .contains("The elements [shepherd.recovry.max-share] were left unbound");
    }

    @Test
    void aProviderThatDoesNotReturnHoldsTheEndUpNoLongerThanTheLimitOfTheApplication() throws Exception {
        Stubborn.reached = false;
        ConfigurableApplicationContext context = application(Stubborn.class)
                .run(
                        "--spring.datasource.url=" + database.jdbcUrl(),
                        "--spring.lifecycle.timeout-per-shutdown-phase=1s");
        try {
            await().atMost(Duration.ofSeconds(60)).until(() -> Stubborn.reached);
        } finally {
            long start = System.nanoTime();
            context.close();
            // What else is closed waits for a moment, too.
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(20));
            Stubborn.released = true;
        }
        await().atMost(Duration.ofSeconds(40))
                .untilAsserted(() -> assertThat(newThreads()).isEmpty());
    }

    @Configuration(proxyBeanMethods = false)
    static class Stubborn {

        static volatile boolean reached;
        static volatile boolean released;

        @Bean
        MachineTakeover takeover() {
            return target -> {
                reached = true;
                while (!released) {
                    try {
                        Thread.sleep(20);
                    } catch (InterruptedException e) {
                        // It does not listen.
                    }
                }
                throw new IllegalStateException("released");
            };
        }

        @Bean
        FakeProvider provider() {
            FakeProvider provider = FakeProvider.create(new ProviderType("fake"));
            provider.addReservations(1);
            provider.finishCreations();
            return provider;
        }
    }

    @Test
    void nothingRunsWithoutAutoStartup() throws Exception {
        Path list = Files.writeString(folder.resolve("none.json"), "[]");
        ConfigurableApplicationContext context = application().run(arguments(list, "--shepherd.auto-startup=false"));
        try {
            assertThat(context.getBean(Bmdb.class).now()).isNotNull();
            assertThat(newThreads()).noneMatch(name -> name.contains("racks"));
            assertThat(sessions()).isZero();
        } finally {
            context.close();
        }
    }
}
