package dev.shepherd.manager.takeover.ssh;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ShellWordTest {

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '"',
            value = {
                "/root/agent, /root/agent",
                "/opt/a_b-c.1@2+3, /opt/a_b-c.1@2+3",
                "/root/my agent, '/root/my agent'",
                "/root/it's, '/root/it'\\''s'",
                "/root/$(id), '/root/$(id)'",
                "/root/*, '/root/*'",
                "/root/ä, '/root/ä'",
                "/root/~, '/root/~'"
            })
    void pathsAreQuotedForTheShellIfTheyNeedToBe(String path, String word) {
        assertThat(ShellWord.quote(path)).isEqualTo(word);
    }
}
