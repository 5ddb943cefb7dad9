package dev.shepherd.testkit.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.PublicKey;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TestAgentTest {

    @Test
    void itAnswersByItselfAndEachTimeWithAnotherKey(@TempDir Path folder) throws Exception {
        Path agent = TestAgent.write(folder.resolve("agent"));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(agent)))
                .isEqualTo("rwxr-xr-x");
        byte[] init = Takeover.init("m", "https://example", new byte[] {1, 2, 3});
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
        byte[] init = new byte[size];
        byte[] success = Takeover.only(1, run(TestAgent.write(folder.resolve("agent")), init));
        assertThat(Takeover.field(1, success)).isEqualTo(init);
    }

    @Test
    void paddingMakesItLargeAndChangesNothing(@TempDir Path folder) throws Exception {
        Path plain = TestAgent.write(folder.resolve("plain"));
        Path large = TestAgent.write(folder.resolve("large agent"), 5_000_001);
        assertThat(Files.size(large)).isEqualTo(Files.size(plain) + 5_000_001);
        assertThat(Takeover.field(1, Takeover.only(1, run(large, new byte[] {7}))))
                .isEqualTo(new byte[] {7});
        assertThatThrownBy(() -> TestAgent.write(plain, -1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aFolderThatIsMissingIsNamed(@TempDir Path folder) {
        Path file = folder.resolve("missing/agent");
        assertThatThrownBy(() -> TestAgent.write(file))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining(file.toString());
    }

    private static byte[] run(Path agent, byte[] init) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(agent.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (OutputStream in = process.getOutputStream()) {
            in.write(init);
        }
        byte[] answer = process.getInputStream().readAllBytes();
        assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isZero();
        return answer;
    }
}
