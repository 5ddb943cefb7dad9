package dev.shepherd.manager.takeover;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.ssh.Mood;
import dev.shepherd.testkit.ssh.SshHost;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Searches everything that takeovers print, with all the loggers on this side at their most talkative. */
class SecretsTest {

    private static final String PASSWORD = "correct-horse-battery";
    private static final String WRONG_PASSWORD = "wrong-horse-battery";
    private static final String WRONG_PASSPHRASE = "close-sesame-please";

    @Test
    void nothingThatIsLoggedOrThrownHoldsASecret(@TempDir Path folder) throws Exception {
        String printed = ChildJvm.run(
                folder.resolve("output"),
                List.of(
                        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                        "-Dorg.slf4j.simpleLogger.log.dev.shepherd.manager=trace",
                        "-Dorg.slf4j.simpleLogger.log.net.schmizz=trace",
                        "-Dorg.slf4j.simpleLogger.log.com.hierynomus=trace"),
                Program.class,
                folder.toString());

        assertThat(printed)
                .as("the library's loggers are on")
                .contains("TRACE net.schmizz.sshj")
                .contains("AUTHENTICATION_FAILED")
                .contains("TIMEOUT")
                .contains("the passphrase is wrong");
        assertThat(printed)
                .as("a machine that misbehaves is an exception, and no alarm in the log")
                .doesNotContain("WARN net.schmizz", "ERROR net.schmizz", "INFO net.schmizz.sshj.transport")
                .doesNotContain("WARN dev.shepherd.manager", "ERROR dev.shepherd.manager");
        String privateKey = Files.readString(folder.resolve("id_ed25519"));
        List<String> secrets = Stream.concat(
                        Stream.of(PASSWORD, WRONG_PASSWORD, WRONG_PASSPHRASE).flatMap(SecretsTest::forms),
                        privateKey.lines().filter(line -> !line.startsWith("-")).skip(2))
                .toList();
        String squeezed = printed.replaceAll("\\s", "").toLowerCase(Locale.ROOT);
        for (String secret : secrets) {
            assertThat(squeezed.contains(secret.toLowerCase(Locale.ROOT)))
                    .as("it printed " + secret)
                    .isFalse();
        }
    }

    /** A secret in packets would show in hexadecimal. */
    private static Stream<String> forms(String secret) {
        byte[] bytes = secret.getBytes(StandardCharsets.UTF_8);
        return Stream.of(
                secret,
                HexFormat.of().formatHex(bytes),
                Base64.getEncoder().withoutPadding().encodeToString(bytes));
    }

    static final class Program {

        private Program() {}

        @SuppressWarnings("CatchAndPrintStackTrace")
        public static void main(String[] arguments) throws Exception {
            TakeoverFixture fixture = new TakeoverFixture(Path.of(arguments[0]));
            AgentTakeover.Builder settings =
                    fixture.settings().executable(TestAgent.write(fixture.folder.resolve("test-agent")));
            try (SshHost host = SshHost.builder()
                    .authorizedKey(fixture.publicKey)
                    .password("root", PASSWORD)
                    .start()) {
                show(settings, host);
                for (Mood mood : List.of(
                        Mood.REJECT_AUTHENTICATION,
                        Mood.DROP_IN_UPLOAD,
                        Mood.WRONG_INIT,
                        Mood.GARBAGE_ANSWER,
                        Mood.AGENT_CRASH)) {
                    host.setMood(mood);
                    show(settings, host);
                }
                host.setMood(Mood.NORMAL);
                show(settings.credentials(SshCredentials.password(PASSWORD.toCharArray())), host);
                show(settings.credentials(SshCredentials.password(WRONG_PASSWORD.toCharArray())), host);
                settings.credentials(SshCredentials.password(PASSWORD.toCharArray()));
                host.setMood(Mood.HANG_IN_AGENT);
                show(settings.totalTimeout(Duration.ofSeconds(5)), host);
            }
            Path encrypted = OpenSshKeys.encrypted(fixture.folder.resolve("encrypted"));
            try {
                SshCredentials.privateKey(encrypted, WRONG_PASSPHRASE.toCharArray());
            } catch (RuntimeException e) {
                e.printStackTrace(System.out);
            }
        }

        private static void show(AgentTakeover.Builder settings, SshHost host)
                throws InterruptedException, IOException {
            AgentTakeover takeover = settings.build();
            System.out.println(takeover);
            TakeoverTarget target = TakeoverFixture.target(host);
            System.out.println(target);
            try {
                System.out.println(takeover.takeover(target));
            } catch (TakeoverException e) {
                System.out.println(e.kind());
                e.printStackTrace(System.out);
            }
        }
    }
}
