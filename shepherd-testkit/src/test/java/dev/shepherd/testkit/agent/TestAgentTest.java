package dev.shepherd.testkit.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.PublicKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TestAgentTest {

    private static final Duration LIMIT = Duration.ofSeconds(30);

    @Test
    void itAnswersByItselfAndEachTimeWithAnotherKey(@TempDir Path folder) throws Exception {
        Path agent = TestAgent.write(folder.resolve("agent"));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(agent)))
                .isEqualTo("rwxr-xr-x");
        byte[] init = Takeover.init("https://127.0.0.1:9");
        Set<PublicKey> keys = new HashSet<>();
        for (int i = 0; i < 3; i++) {
            byte[] success = Takeover.only(1, run(agent, init));
            assertThat(Takeover.field(1, success)).isEqualTo(init);
            assertThat(Takeover.fields(success)).containsOnlyKeys(1, 2);
            keys.add(Takeover.key(Takeover.field(2, success)));
        }
        assertThat(keys).hasSize(3);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 127, 128, 16_383, 16_384, 300_000})
    void messagesOfEverySizeAreEchoed(int size, @TempDir Path folder) throws Exception {
        byte[] init = Takeover.init("http://127.0.0.1:9/" + "x".repeat(size));
        byte[] success = Takeover.only(1, run(TestAgent.write(folder.resolve("agent")), init));
        assertThat(Takeover.field(1, success)).isEqualTo(init);
    }

    @Test
    void paddingMakesItLargeAndChangesNothing(@TempDir Path folder) throws Exception {
        Path plain = TestAgent.write(folder.resolve("plain"));
        Path large = TestAgent.write(folder.resolve("large agent"), 5_000_001);
        assertThat(Files.size(large)).isEqualTo(Files.size(plain) + 5_000_001);
        byte[] init = Takeover.init("http://127.0.0.1:9");
        assertThat(Takeover.field(1, Takeover.only(1, run(large, init)))).isEqualTo(init);
        assertThatThrownBy(() -> TestAgent.write(plain, -1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aFolderThatIsMissingIsNamed(@TempDir Path folder) {
        Path file = folder.resolve("missing/agent");
        assertThatThrownBy(() -> TestAgent.write(file))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining(file.toString());
    }

    @Test
    void itRefusesWhatItCannotReportWith(@TempDir Path folder) throws Exception {
        byte[] error = Takeover.only(2, run(TestAgent.write(folder.resolve("agent")), Takeover.init("nowhere")));
        assertThat(new String(Takeover.only(1, error), StandardCharsets.UTF_8))
                .contains("the endpoint is no URL", "nowhere");
        assertThat(folder.resolve("agent.home")).doesNotExist();
    }

    @Test
    void theNextOneTakesItsPlaceAndItEndsWithItsHome(@TempDir Path folder) throws Exception {
        Path agent = TestAgent.write(folder.resolve("agent"));
        Path home = folder.resolve("home of it");
        List<Long> agents = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            Process command = start(agent, "600000", home);
            command.getOutputStream().write(Takeover.init("http://127.0.0.1:9"));
            command.getOutputStream().close();
            Takeover.only(1, command.getInputStream().readAllBytes());
            await().atMost(LIMIT)
                    .until(() ->
                            running(home).filter(pid -> !agents.contains(pid)).isPresent());
            agents.add(running(home).orElseThrow());
        }
        await().atMost(LIMIT).until(() -> !isAlive(agents.get(0)));
        assertThat(isAlive(agents.get(1))).isTrue();
        assertThat(Files.getPosixFilePermissions(home.resolve("identity")))
                .isEqualTo(PosixFilePermissions.fromString("rw-------"));

        try (Stream<Path> files = Files.list(home)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(home);
        await().atMost(LIMIT).until(() -> !isAlive(agents.get(1)));
    }

    /** Returns the process of the agent that has said last that it is at work. */
    private static Optional<Long> running(Path home) throws IOException {
        Path file = home.resolve("running");
        return Files.exists(file)
                ? Optional.of(Long.valueOf(Files.readString(file).strip().split(" ")[1]))
                : Optional.empty();
    }

    private static boolean isAlive(long pid) {
        return ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isPresent();
    }

    /** Starts one that ends if it is not heard for so long. */
    private static Process start(Path agent, String patienceMillis, Path home) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(agent.toString()).redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().put("SHEPHERD_AGENT_HOME", home.toString());
        builder.environment().put("SHEPHERD_TEST_AGENT_INTERVAL_MILLIS", "50");
        builder.environment().put("SHEPHERD_TEST_AGENT_PATIENCE_MILLIS", patienceMillis);
        return builder.start();
    }

    private static byte[] run(Path agent, byte[] init) throws IOException, InterruptedException {
        Path home = agent.resolveSibling("agent.home");
        Files.deleteIfExists(home.resolve("running"));
        Process process = start(agent, "1", home);
        try (OutputStream in = process.getOutputStream()) {
            in.write(init);
        }
        byte[] answer = process.getInputStream().readAllBytes();
        assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isZero();
        if (Files.exists(home.resolve("identity"))) {
            await().atMost(LIMIT).until(() -> running(home).isPresent());
            long stayed = running(home).orElseThrow();
            await().atMost(LIMIT).until(() -> !isAlive(stayed));
        }
        return answer;
    }
}
