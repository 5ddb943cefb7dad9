package dev.shepherd.benchmarks.torture;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A manager in a JVM of its own, which ends with this process, however that ends. Not safe for several threads. */
final class ManagerProcess implements AutoCloseable {

    /**
     * A span in which a manager did not run, in microseconds since the epoch.
     *
     * @param manager its number, or {@link #EVERY}
     */
    record Frozen(int manager, long from, long to) {
        static final int EVERY = 0;
    }

    private static final long END_SECONDS = 30;

    private final int number;
    private final Process process;
    private @Nullable Process thaw;
    private long frozenAt;

    private ManagerProcess(int number, Process process) {
        this.number = number;
        this.process = process;
    }

    static ManagerProcess start(Plan plan, int number, String jdbcUrl) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:+UseSerialGC",
                // Its life is short.
                "-XX:TieredStopAtLevel=1",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
                "-Dorg.slf4j.simpleLogger.showDateTime=true",
                "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
                "-cp",
                System.getProperty("java.class.path"),
                TortureManager.class.getName(),
                Integer.toString(number)));
        command.addAll(plan.arguments());
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log(plan, number).toFile());
        // Not on the command line, where everybody can read it.
        builder.environment().put("TORTURE_JDBC_URL", jdbcUrl);
        return new ManagerProcess(number, builder.start());
    }

    static Path log(Plan plan, int number) {
        return plan.folder().resolve("manager-" + number + ".log");
    }

    int number() {
        return number;
    }

    boolean isAlive() {
        return process.isAlive();
    }

    boolean isFrozen() {
        return thaw != null;
    }

    /** Stops it where it is. */
    void freeze(long longestSeconds) throws IOException, InterruptedException {
        // Should this process die meanwhile, the manager would stand still for ever.
        thaw = new ProcessBuilder("sh", "-c", "sleep " + longestSeconds + "; kill -CONT " + process.pid())
                .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        signal("STOP");
        frozenAt = Effect.now();
    }

    /** Lets it go on. Returns when it did not run. */
    Frozen thaw() throws IOException, InterruptedException {
        Frozen frozen = new Frozen(number, frozenAt, Effect.now());
        signal("CONT");
        Process waiting = thaw;
        if (waiting != null) {
            waiting.descendants().forEach(ProcessHandle::destroyForcibly);
            waiting.destroyForcibly();
            thaw = null;
        }
        return frozen;
    }

    private void signal(String name) throws IOException, InterruptedException {
        Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        if (kill.waitFor() != 0 && process.isAlive()) {
            throw new IOException("process " + process.pid() + " cannot be sent " + name);
        }
    }

    /** Kills it, as {@code kill -9} does. */
    void kill() throws InterruptedException {
        process.destroyForcibly();
        process.waitFor();
    }

    /** Asks it to end, and kills it if it does not. Returns true if it ended by itself, with a good word. */
    boolean end() throws InterruptedException, IOException {
        process.getOutputStream().close();
        if (process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
            return process.exitValue() == 0;
        }
        kill();
        return false;
    }

    @Override
    public void close() {
        Process waiting = thaw;
        if (waiting != null) {
            waiting.descendants().forEach(ProcessHandle::destroyForcibly);
            waiting.destroyForcibly();
        }
        process.destroyForcibly();
    }
}
