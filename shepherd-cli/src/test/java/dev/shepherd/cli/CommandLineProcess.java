package dev.shepherd.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The command line in a process of its own. Closing it kills the process; what it printed is still there. */
public final class CommandLineProcess implements AutoCloseable {

    private final Process process;
    private final Path log;

    private CommandLineProcess(Process process, Path log) {
        this.process = process;
        this.log = log;
    }

    /** Starts it in a folder. */
    public static CommandLineProcess start(Path folder, String... args) throws IOException {
        return start(Main.class, folder, args);
    }

    /** Starts another program on the class path of the command line. */
    static CommandLineProcess start(Class<?> main, Path folder, String... args) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx256m",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName()));
        command.addAll(List.of(args));
        Path log = Files.createTempFile(folder, "printed", ".log");
        Process process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        return new CommandLineProcess(process, log);
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    /** Returns what it has printed so far, on standard output and error. */
    public String log() throws IOException {
        return Files.readString(log);
    }

    /** Sends SIGTERM. */
    public void askToEnd() {
        process.destroy();
    }

    /** Sends a signal, such as {@code HUP}. */
    public void signal(String name) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid()))
                .start()
                .waitFor();
    }

    public boolean endsWithin(Duration limit) throws InterruptedException {
        return process.waitFor(limit.toNanos(), TimeUnit.NANOSECONDS);
    }

    /** Returns the exit code of a process that has ended. */
    public int exitCode() {
        return process.exitValue();
    }

    /** Returns what {@code ps} shows of all processes, where the system has that. */
    public static String all() throws IOException {
        Path all = Path.of("/proc");
        if (!Files.isDirectory(all)) {
            return ProcessHandle.allProcesses()
                    .map(process -> process.info().toString())
                    .collect(Collectors.joining("\n"));
        }
        StringBuilder shown = new StringBuilder();
        try (Stream<Path> processes = Files.list(all)) {
            for (Path process : processes.toList()) {
                for (String file : List.of("cmdline", "comm")) {
                    try {
                        shown.append(Files.readString(process.resolve(file), StandardCharsets.ISO_8859_1));
                    } catch (IOException e) {
                        // It is no process, or has ended.
                    }
                }
            }
        }
        return shown.toString();
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
