package dev.shepherd.cli.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.cli.CommandLineProcess;
import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.manager.takeover.SshCredentials;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Keys and passwords: where they come from, and what is said where they cannot be had. */
class CredentialsTest {

    private static final String UNREACHABLE = "jdbc:postgresql://127.0.0.1:1/fleet";

    @TempDir
    Path folder;

    @Test
    void aKeyThatWasNamedIsNeverMade() throws Exception {
        Path named = folder.resolve("id_ed25519");

        CommandLineRun run = run("--key", named.toString());
        CommandLineRun tilde = run("--key=~/.ssh/id_mistyped");

        assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
        assertThat(run.err()).contains("--key: " + named + " does not exist").doesNotContain("~", "generated");
        assertThat(tilde.err()).contains("--key: ~/.ssh/id_mistyped does not exist; only a shell expands ~");
        assertThat(named).doesNotExist();
        assertThat(Path.of("~")).doesNotExist();
    }

    @Test
    void theDefaultKeyIsMade() throws Exception {
        Files.writeString(folder.resolve("agent"), "#!/bin/sh\n");
        Files.writeString(folder.resolve("machines"), "[]");
        try (CommandLineProcess process = CommandLineProcess.start(
                folder,
                "run",
                "--provider=static",
                "--property=list=file:machines",
                "--agent=agent",
                "--endpoint=here",
                "--database=" + UNREACHABLE)) {
            assertThat(process.endsWithin(Duration.ofMinutes(1))).isTrue();

            assertThat(process.exitCode()).isEqualTo(1);
            assertThat(process.log())
                    .contains("generated the key .shepherd/id_ed25519; let it in on every machine: ssh-ed25519 ")
                    .contains("cannot be reached");
        }
        assertThat(folder.resolve(".shepherd/id_ed25519")).exists();
    }

    @Test
    void aKeyThatCannotBeUsedIsToldUnderItsOption() throws Exception {
        Path text = Files.writeString(folder.resolve("text"), "hello");

        CommandLineRun run = run("--key", text.toString());

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--key: ", text + " is not a private key");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--ssh-password-file", "--key-passphrase-file", "--database-password-file"})
    void aPasswordFileThatCannotBeReadIsNamedWithItsOption(String option) throws Exception {
        Path latin1 = Files.write(folder.resolve("latin1"), "p\u00e4ss\n".getBytes(StandardCharsets.ISO_8859_1));
        Path empty = Files.writeString(folder.resolve("empty"), "\nsecond\n");
        Path big = Files.write(folder.resolve("big"), new byte[(1 << 20) + 1]);
        Path missing = folder.resolve("missing");

        assertRefused(option, latin1, latin1 + " is not in UTF-8");
        assertRefused(option, empty, "the first line of " + empty + " is empty");
        assertRefused(option, big, big + " is too big: it has over 1048576 bytes");
        assertRefused(option, missing, missing + " does not exist");
        assertRefused(option, folder, folder + " cannot be read: it is a directory");
        assertRefused(option, Path.of("~/password"), "~/password does not exist; only a shell expands ~");
    }

    private void assertRefused(String option, Path file, String why) throws Exception {
        List<String> args = new ArrayList<>(List.of("--database", UNREACHABLE, option, file.toString()));
        if (!option.equals("--ssh-password-file")) {
            Path key = folder.resolve("key");
            SshCredentials.generateIfAbsent(key);
            args.addAll(List.of("--key", key.toString()));
        }
        CommandLineRun run = run(args.toArray(String[]::new));

        assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
        assertThat(run.err()).contains(option + ": " + why).doesNotContain("\tat ");
    }

    @Test
    void waysToLogInExcludeOneAnother() throws Exception {
        Path password = Files.writeString(folder.resolve("password"), "x\n");

        CommandLineRun run = run("--ssh-password-file", password.toString(), "--key", password.toString());

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--ssh-password-file and --key exclude one another");
    }

    @Test
    void credentialsOfADatabaseNeedOneAndAreGivenOnce() {
        CommandLineRun embedded = CommandLineRun.of("pauses", "--data", data(), "--database-user", "u");
        CommandLineRun twice = CommandLineRun.of("pauses", "--database", UNREACHABLE + "?user=u", "--database-user=v");

        assertThat(embedded.exitCode()).isEqualTo(2);
        assertThat(embedded.err()).contains("--database-user goes with --database");
        assertThat(twice.exitCode()).isEqualTo(2);
        assertThat(twice.err()).contains("--database-user: the database's URL has a user, too: give one of the two");
    }

    private String data() {
        Path data = folder.resolve("database");
        assertThat(data.resolve("data").toFile().mkdirs()).isTrue();
        return data.toString();
    }

    private CommandLineRun run(String... args) throws Exception {
        Path agent = Files.writeString(folder.resolve("agent"), "#!/bin/sh\n");
        List<String> all = new ArrayList<>(List.of("run", "--provider=static", "--property=list=file:none"));
        all.addAll(List.of("--endpoint=here", "--agent", agent.toString()));
        all.addAll(List.of(args));
        return CommandLineRun.of(all.toArray(String[]::new));
    }
}
