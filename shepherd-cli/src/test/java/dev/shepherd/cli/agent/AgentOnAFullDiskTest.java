package dev.shepherd.cli.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.agent.messages.takeover.TakeoverInit;
import dev.shepherd.agent.messages.takeover.TakeoverResponse;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A takeover of a machine whose disk has room for one agent and not for the next. */
@Tag("slow")
@Timeout(300)
class AgentOnAFullDiskTest {

    private static final String USER = System.getProperty("user.name");

    @TempDir
    Path folder;

    @Test
    void theFormerAgentGoesOnAndTheTakeoverSaysWhy() throws Exception {
        assumeTrue(
                System.getProperty("os.name").equals("Linux") && USER.equals("root"),
                "only root can make a small disk");
        // As root, the agent would become a service of this machine.
        assumeTrue(!Files.exists(Path.of("/run/systemd/system")), "this machine has systemd");
        Path home = Files.createDirectory(folder.resolve("home"));
        assumeTrue(run("mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", home.toString()), "no disk can be made here");
        long pid = 0;
        try {
            Path former = folder.resolve("former");
            Path next = folder.resolve("next");
            AgentFile.from(null).write(former, "1.0", "", 600);
            AgentFile.from(null).write(next, "1.0", "/sbin/another", 600);
            Answer taken = takeOver(former, home);
            assertThat(taken.status()).as(taken.errors()).isZero();
            assertThat(TakeoverResponse.parseFrom(taken.output()).hasSuccess()).isTrue();
            String running = Files.readString(home.resolve("running"));
            pid = Long.parseLong(running.strip().split(" ")[1]);
            byte[] identity = Files.readAllBytes(home.resolve("identity"));
            List<String> programs = names(home.resolve("runtime"));

            Answer refused = takeOver(next, home);

            assertThat(refused.status()).isEqualTo(1);
            assertThat(refused.output()).isEmpty();
            assertThat(refused.errors())
                    .contains("No space left on device")
                    .endsWith("this agent cannot be unpacked in " + home + "; what ran here goes on\n");
            assertThat(ProcessHandle.of(pid).orElseThrow().isAlive()).isTrue();
            assertThat(Files.readString(home.resolve("running"))).isEqualTo(running);
            assertThat(Files.readAllBytes(home.resolve("identity"))).isEqualTo(identity);
            assertThat(names(home.resolve("runtime")))
                    .as("and there is room again")
                    .isEqualTo(programs);
        } finally {
            ProcessHandle.of(pid).filter(process -> process.pid() > 1).ifPresent(ProcessHandle::destroyForcibly);
            run("umount", "-l", home.toString());
        }
    }

    private static List<String> names(Path folder) throws Exception {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }

    private record Answer(int status, byte[] output, String errors) {}

    private Answer takeOver(Path agent, Path home) throws Exception {
        Path errors = folder.resolve("errors");
        Path output = folder.resolve("output");
        ProcessBuilder builder = new ProcessBuilder(agent.toString())
                .redirectError(errors.toFile())
                .redirectOutput(output.toFile());
        builder.environment().put("SHEPHERD_AGENT_HOME", home.toString());
        Process process = builder.start();
        try (OutputStream in = process.getOutputStream()) {
            TakeoverInit.newBuilder()
                    .setMachineId(UUID.randomUUID().toString())
                    .setBmaasEndpoint("http://127.0.0.1:9")
                    .build()
                    .writeTo(in);
        }
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        return new Answer(
                process.exitValue(), Files.readAllBytes(output), Files.readString(errors, StandardCharsets.UTF_8));
    }

    private static boolean run(String... command) throws Exception {
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        return process.waitFor(20, TimeUnit.SECONDS) && process.exitValue() == 0;
    }
}
