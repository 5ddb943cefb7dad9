package dev.shepherd.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.callback.InstallationReport;
import dev.shepherd.agent.messages.callback.InstallationReport.Result;
import dev.shepherd.agent.messages.callback.InstallationRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Installations by real programs, with agents that end in between: another object on the same home is the next agent. */
class InstallationsTest {

    private static final Duration LONG = Duration.ofMinutes(10);

    @TempDir
    Path folder;

    private Home home = new Home(Path.of("/"));

    @BeforeEach
    void makeAHome() throws IOException {
        assumeTrue(Files.exists(Path.of("/proc/uptime")), "only Linux has what it needs");
        home = new Home(Files.createDirectory(folder.resolve("home")));
    }

    /** An installer outlives its agents, and would outlive the test. */
    @AfterEach
    void endInstallers() throws Exception {
        String pid = home.text("installation.pid");
        if (!pid.isEmpty()) {
            new ProcessBuilder("kill", "-9", "--", "-" + pid).start().waitFor();
            await().until(() -> !ProcessHandle.of(Long.parseLong(pid))
                    .map(ProcessHandle::isAlive)
                    .orElse(false));
        }
    }

    private String installer(String script) throws IOException {
        Path file = Files.writeString(folder.resolve("installer"), "#!/bin/sh\ncd '" + folder + "'\n" + script);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
        return file.toString();
    }

    private static InstallationRequest request(long generation, String raw) {
        return InstallationRequest.newBuilder()
                .setGeneration(generation)
                .setRaw(ByteString.copyFromUtf8(raw))
                .build();
    }

    private static InstallationReport report(Installations installations) throws IOException {
        await().atMost(Duration.ofSeconds(30)).until(() -> {
            installations.look();
            return installations.report().isPresent();
        });
        return installations.report().orElseThrow();
    }

    private String read(String name) throws IOException {
        Path file = folder.resolve(name);
        return Files.exists(file) ? Files.readString(file) : "";
    }

    @Test
    void theProgramGetsTheRequestAndItsEndIsReportedOnce() throws Exception {
        String program = installer("cat >got; echo wrote all; echo and more >&2");
        Installations installations = new Installations(home, program, LONG);

        assertThat(installations.begin(request(7, "the \0 request"))).isTrue();
        InstallationReport report = report(installations);

        assertThat(read("got")).isEqualTo("the \0 request");
        assertThat(report.getGeneration()).isEqualTo(7);
        assertThat(report.getResult()).isEqualTo(Result.RESULT_SUCCESS);
        assertThat(report.getRaw().toStringUtf8()).isEqualTo("wrote all\nand more\n");
        // What was sent but not recorded is sent again, by the next agent too.
        assertThat(report(new Installations(home, program, LONG))).isEqualTo(report);
        installations.reported(6);
        assertThat(installations.report()).isPresent();
        installations.reported(7);
        assertThat(installations.report()).isEmpty();
        assertThat(new Installations(home, program, LONG).report()).isEmpty();
    }

    @Test
    void aGenerationRunsOnceWhateverAgentsEndMeanwhile() throws Exception {
        String program = installer("echo run >>runs; until [ -e go-on ]; do sleep 0.05; done");
        Installations first = new Installations(home, program, LONG);
        first.begin(request(1, ""));
        await().until(() -> !read("runs").isEmpty());

        Installations second = new Installations(home, program, LONG);
        second.look();
        assertThat(second.isRunning()).isTrue();
        assertThat(second.begin(request(1, ""))).isFalse();
        assertThat(second.begin(request(2, ""))).as("one at a time").isFalse();
        Installations third = new Installations(home, program, LONG);
        Files.writeString(folder.resolve("go-on"), "");

        assertThat(report(third).getResult()).isEqualTo(Result.RESULT_SUCCESS);
        assertThat(third.begin(request(1, "")))
                .as("handed out again before the report")
                .isFalse();
        third.reported(1);
        assertThat(third.begin(request(1, ""))).as("handed out again after it").isFalse();
        assertThat(read("runs")).isEqualTo("run\n");
        assertThat(third.begin(request(2, ""))).isTrue();
        assertThat(report(third).getGeneration()).isEqualTo(2);
        assertThat(read("runs")).isEqualTo("run\nrun\n");
    }

    @Test
    void aFailureIsReportedWithItsStatusAndTheEndOfWhatWasWritten() throws Exception {
        String program = installer("yes line | head -n 100000; echo 'no disk' >&2; exit 3");
        Installations installations = new Installations(home, program, LONG);
        installations.begin(request(1, ""));

        InstallationReport report = report(installations);

        assertThat(report.getResult()).isEqualTo(Result.RESULT_ERROR);
        assertThat(report.getRaw().toStringUtf8())
                .startsWith(program + " ended with status 3\n")
                .endsWith("no disk\n");
        assertThat(report.getRaw().size()).isBetween(60_000, 67_000);
    }

    @Test
    void aProgramThatIsKilledOrIsNotThereHasFailed() throws Exception {
        Installations installations = new Installations(home, installer("exec sleep 600"), LONG);
        installations.begin(request(1, ""));
        await().until(() -> !home.text("installation.pid").isEmpty());
        new ProcessBuilder("kill", "-9", "--", "-" + home.text("installation.pid"))
                .start()
                .waitFor();
        InstallationReport killed = report(installations);
        installations.reported(1);

        Installations another = new Installations(home, folder.resolve("none").toString(), LONG);
        another.begin(request(2, ""));
        InstallationReport absent = report(another);

        assertThat(killed.getResult()).isEqualTo(Result.RESULT_ERROR);
        assertThat(killed.getRaw().toStringUtf8()).contains("was killed");
        assertThat(absent.getResult()).isEqualTo(Result.RESULT_ERROR);
        assertThat(absent.getRaw().toStringUtf8())
                .contains("ended with status 127")
                .contains("none");
    }

    @Test
    void aProgramThatTakesTooLongIsEndedWithAllThatItStarted() throws Exception {
        String program = installer("sleep 601 & echo $! >child; wait");
        Installations installations = new Installations(home, program, Duration.ofSeconds(1));
        installations.begin(request(1, ""));

        InstallationReport report = report(installations);

        assertThat(report.getResult()).isEqualTo(Result.RESULT_ERROR);
        assertThat(report.getRaw().toStringUtf8()).contains("after the limit of 1 s");
        long child = Long.parseLong(read("child").strip());
        await().until(() -> !ProcessHandle.of(child).map(ProcessHandle::isAlive).orElse(false));
    }

    @Test
    void aMachineThatWasBootedMeanwhileHasFailedToInstall() throws Exception {
        Installations installations =
                new Installations(home, installer("until [ -e go-on ]; do sleep 0.05; done; exec sleep 5"), LONG);
        installations.begin(request(1, ""));
        home.write("installation", home.text("installation").replaceAll("boot=.*", "boot=before"));

        InstallationReport report = report(new Installations(home, "/none", LONG));

        assertThat(report.getResult()).isEqualTo(Result.RESULT_ERROR);
        assertThat(report.getRaw().toStringUtf8()).contains("was booted");
    }

    @Test
    void withoutAProgramEachRequestIsAnsweredWithAnError() throws Exception {
        Installations installations = new Installations(home, "", LONG);

        assertThat(installations.begin(request(1, ""))).isTrue();

        assertThat(report(installations).getRaw().toStringUtf8()).contains("--installer");
        installations.dropReport();
        assertThat(installations.report()).isEqualTo(Optional.empty());
    }
}
