package dev.shepherd.manager.takeover;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs a program of the tests in a JVM of its own, with all that it prints in a file. */
final class ChildJvm {

    private ChildJvm() {}

    /** Runs it to its end, which is to be a good one, and returns what it printed on both streams. */
    static String run(Path output, List<String> options, Class<?> program, String... arguments) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
        command.addAll(options);
        command.addAll(List.of(
                "-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"),
                "-cp",
                System.getProperty("java.class.path"),
                program.getName()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            boolean ended = process.waitFor(4, TimeUnit.MINUTES);
            String printed = new String(Files.readAllBytes(output), StandardCharsets.UTF_8);
            String end = printed.substring(Math.max(0, printed.length() - 4000));
            assertThat(ended).as(end).isTrue();
            assertThat(process.exitValue()).as(end).isZero();
            return printed;
        } finally {
            process.destroyForcibly();
        }
    }
}
