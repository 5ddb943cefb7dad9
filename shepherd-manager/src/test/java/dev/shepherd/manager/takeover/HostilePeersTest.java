package dev.shepherd.manager.takeover;

import static dev.shepherd.manager.takeover.TakeoverFixture.failure;
import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.manager.takeover.HostilePeers.Attack;
import dev.shepherd.manager.takeover.TakeoverException.Kind;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.sshd.server.shell.ProcessShellCommandFactory;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Hosts that send without an end cost a manager with little memory nothing but their own takeover. */
class HostilePeersTest {

    private static final int GOOD = 20;

    @TempDir
    private Path own;

    /** The ones that a single packet or answer is enough for; with the memory of a build. */
    @ParameterizedTest
    @CsvSource(textBlock = """
            SFTP_LENGTH_LATER, UPLOAD_FAILED, an answer of SFTP has 1073741823 bytes
            SFTP_HANDLE, UPLOAD_FAILED, a handle of SFTP has 30000 bytes
            SFTP_NUMBER_OF_NAMES, UPLOAD_FAILED, a malformed answer of SFTP
            QUESTIONS, AUTHENTICATION_FAILED, does not accept password
            A_PACKET_OF_NOTHING, UPLOAD_FAILED, the host takes packets of 0 bytes
            """)
    void aHostThatAsksForTooMuchIsLeftAtOnce(Attack attack, Kind kind, String words) throws Exception {
        TakeoverFixture fixture = new TakeoverFixture(own);
        AgentTakeover.Builder settings = fixture.settings();
        if (attack == Attack.QUESTIONS) {
            settings.credentials(SshCredentials.password("secret".toCharArray()));
        }
        List<TakeoverTarget> targets = new ArrayList<>();
        try (AutoCloseable host = HostilePeers.start(attack, fixture.publicKey, targets::add)) {
            assertThat(host).isNotNull();
            TakeoverException failure = failure(settings.build(), targets.get(0));

            assertThat(failure.kind()).as(failure.getMessage()).isEqualTo(kind);
            assertThat(failure).hasMessageContaining(words);
            assertThat(failure.elapsed()).isLessThan(Duration.ofSeconds(40));
        }
    }

    @Test
    void ofHalfAMillionWarningsTenAreKeptAndTheOthersCounted() throws Exception {
        TakeoverFixture fixture = new TakeoverFixture(own);
        List<TakeoverTarget> targets = new ArrayList<>();
        try (AutoCloseable host = HostilePeers.start(Attack.WARNINGS, fixture.publicKey, targets::add)) {
            assertThat(host).isNotNull();
            TakeoverResult result = fixture.settings().build().takeover(targets.get(0));

            assertThat(result.warnings()).hasSize(11).endsWith("and 499990 more");
        }
    }

    @Test
    @Tag("slow")
    void whateverAHostSendsWithoutAnEndAFleetOfTwentyIsTakenOverWithin128Mebibytes(@TempDir Path folder)
            throws Exception {
        TakeoverFixture fixture = new TakeoverFixture(folder);
        Files.createDirectory(folder.resolve("remote"));
        List<AutoCloseable> servers = new ArrayList<>();
        List<String> arguments = new ArrayList<>(List.of(folder.toString()));
        try {
            MinaServer good = new MinaServer(
                    fixture.publicKey, made -> made.setCommandFactory(ProcessShellCommandFactory.INSTANCE));
            servers.add(good);
            arguments.add(Integer.toString(good.target().port()));
            for (Attack attack : Attack.values()) {
                servers.add(HostilePeers.start(
                        attack, fixture.publicKey, target -> arguments.add(attack + "=" + target.port())));
            }

            String printed = ChildJvm.run(
                    folder.resolve("output"),
                    List.of("-Xmx128m", "-XX:+ExitOnOutOfMemoryError"),
                    Manager.class,
                    arguments.toArray(String[]::new));

            assertThat(printed).contains("taken over: " + GOOD).doesNotContain("OutOfMemoryError");
            for (Attack attack : Attack.values()) {
                assertThat(printed).contains("\n" + attack + ": ");
            }
            List<String> outcomes = printed.lines()
                    .filter(line -> line.contains(": ") && !line.startsWith("["))
                    .toList();
            outcomes.forEach(System.out::println);
        } finally {
            for (AutoCloseable server : servers) {
                server.close();
            }
        }
    }

    /** Takes the good hosts over while it is attacked by all others. */
    static final class Manager {

        private Manager() {}

        public static void main(String[] arguments) throws Exception {
            Path folder = Path.of(arguments[0]);
            TakeoverFixture fixture = new TakeoverFixture(folder);
            AgentTakeover.Builder settings = fixture.settings()
                    .remotePath(folder.resolve("remote/agent").toString())
                    .totalTimeout(Duration.ofSeconds(20));
            AgentTakeover hostile = settings.build();
            AgentTakeover asked = settings.credentials(SshCredentials.password("secret".toCharArray()))
                    .build();
            AgentTakeover good = fixture.settings()
                    .remotePath(folder.resolve("remote/agent").toString())
                    .totalTimeout(Duration.ofMinutes(3))
                    .build();
            ExecutorService attacked = Executors.newFixedThreadPool(6);
            ExecutorService worked = Executors.newFixedThreadPool(2);
            CountDownLatch begun = new CountDownLatch(6);
            List<Future<String>> outcomes = new ArrayList<>();
            for (String argument : Arrays.asList(arguments).subList(2, arguments.length)) {
                String[] peer = argument.split("=");
                outcomes.add(attacked.submit(() -> {
                    begun.countDown();
                    long since = System.nanoTime();
                    String outcome = outcome(peer[0].equals("QUESTIONS") ? asked : hostile, Integer.parseInt(peer[1]));
                    return "%s: %.1f s, %s".formatted(peer[0], (System.nanoTime() - since) / 1e9, outcome);
                }));
            }
            begun.await();
            List<Future<TakeoverResult>> results = new ArrayList<>();
            for (int i = 0; i < GOOD; i++) {
                results.add(worked.submit(() -> good.takeover(
                        TakeoverFixture.target(InetAddress.getLoopbackAddress(), Integer.parseInt(arguments[1]))
                                .build())));
            }
            int taken = 0;
            Duration slowest = Duration.ZERO;
            for (Future<TakeoverResult> result : results) {
                Duration elapsed = result.get().elapsed();
                slowest = elapsed.compareTo(slowest) > 0 ? elapsed : slowest;
                taken++;
            }
            System.out.println();
            for (Future<String> outcome : outcomes) {
                System.out.println(outcome.get());
            }
            System.out.println("taken over: " + taken + ", the slowest in " + slowest.toMillis() + " ms");
            attacked.shutdownNow();
            worked.shutdownNow();
            TakeoverFixture.assertNoThreadIsLeft();
        }

        private static String outcome(AgentTakeover takeover, int port) throws InterruptedException {
            try {
                TakeoverResult result = takeover.takeover(TakeoverFixture.target(InetAddress.getLoopbackAddress(), port)
                        .build());
                int characters =
                        result.warnings().stream().mapToInt(String::length).sum();
                return "taken over, " + result.warnings().size() + " warnings of " + characters + " characters";
            } catch (TakeoverException e) {
                String message = String.valueOf(e.getMessage());
                return e.kind() + ", " + message.length() + " characters: "
                        + message.substring(message.indexOf(" failed at "), Math.min(message.length(), 300));
            }
        }
    }
}
