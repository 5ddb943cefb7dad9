package dev.shepherd.testkit.ssh;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CommandLineTest {

    private Path root = Path.of("/");

    @BeforeEach
    void makeRoot(@TempDir Path folder) throws IOException {
        root = folder;
        Files.createDirectories(root.resolve("root"));
        Files.createFile(root.resolve("root/agent"));
        Files.createDirectories(root.resolve("usr/bin"));
        Files.createFile(root.resolve("usr/bin/own"));
    }

    @Test
    void aFileOfTheHostIsRunItself() {
        assertThat(resolve("/root/agent")).containsExactly(root + "/root/agent");
        assertThat(resolve("root/agent")).containsExactly(root + "/root/agent");
        assertThat(resolve("./root/agent")).containsExactly(root + "/root/agent");
        assertThat(resolve("  '/root/agent'  \"a b\" c\\ d ''"))
                .containsExactly(root + "/root/agent", "a b", "c d", "");
        assertThat(resolve("/root/agent --file=/etc/x /etc/y /dev/null /usr/bin/env /usr/bin/own"))
                .containsExactly(
                        root + "/root/agent",
                        "--file=" + root + "/etc/x",
                        root + "/etc/y",
                        "/dev/null",
                        "/usr/bin/env",
                        root + "/usr/bin/own");
    }

    @Test
    void aFileThatTheHostHasNotIsNotTheOneOfThisSystem() {
        assertThat(resolve("/etc/passwd")).containsExactly(root + "/etc/passwd");
        assertThat(resolve("/root/other x")).containsExactly(root + "/root/other", "x");
    }

    @Test
    void aProgramOfTheSystemIsRunByTheShell() {
        assertThat(resolve("/bin/cat /root/agent"))
                .containsExactly("/bin/sh", "-c", "/bin/cat '" + root + "'/root/agent");
        assertThat(resolve("true")).containsExactly("/bin/sh", "-c", "true");
    }

    @Test
    void nothingLeadsOutOfTheRoot() {
        assertThat(resolve("/../../etc/passwd")).containsExactly(root + "/etc/passwd");
        assertThat(resolve("./../../etc/passwd")).containsExactly(root + "/etc/passwd");
        assertThat(resolve("/root/agent /root/../../../etc")).containsExactly(root + "/root/agent", root + "/etc");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "cat > /root/x | cat > @/root/x",
                "cat >/root/x 2>/dev/null | cat >@/root/x 2>/dev/null",
                "mkdir -p /a && cd /a | mkdir -p @/a && cd @/a",
                "dd of=/root/x | dd of=@/root/x",
                "test -x \"/root/a b\" | test -x @\"/root/a b\"",
                "echo 'no /path here' | echo 'no /path here'",
                "echo a/b | echo a/b",
                "echo \\/root | echo \\/root",
                "/usr/bin/env X=/y /usr/bin/own | /usr/bin/env X=@/y @/usr/bin/own",
                "ls / | ls @/"
            })
    void pathsInALineForTheShellAreBelowTheRoot(String line, String expected) {
        assertThat(resolve(line)).containsExactly("/bin/sh", "-c", expected.replace("@", "'" + root + "'"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "a | b",
                "a;b",
                "a && b",
                "a > b",
                "a $X",
                "a \"$X\"",
                "a `b`",
                "A=b c",
                "a *",
                "a # b",
                "~/a",
                "a 'b"
            })
    void aLineThatNeedsAShellIsNotTakenForWords(String line) {
        assertThat(CommandLine.words(line)).isNull();
    }

    @Test
    void wordsAreQuotedForTheShell() {
        assertThat(CommandLine.words(CommandLine.quote("it's a \"$HOME\"") + " x"))
                .containsExactly("it's a \"$HOME\"", "x");
        assertThat(CommandLine.words("")).isEmpty();
        assertThat(CommandLine.words("a=b c=d")).isNull();
        assertThat(CommandLine.words("a c=d#e")).containsExactly("a", "c=d#e");
    }

    private List<String> resolve(String line) {
        return new CommandLine(root).resolve(line);
    }
}
