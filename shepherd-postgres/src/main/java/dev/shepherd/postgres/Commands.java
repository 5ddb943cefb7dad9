package dev.shepherd.postgres;

import dev.shepherd.postgres.PostgresException.Reason;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs PostgreSQL's programs: for a bounded time, quietly, and without what the environment would tell them. */
final class Commands {

    /** What became of a program; the output is the end of what it printed. */
    record Result(boolean timedOut, int exitCode, String output) {

        boolean succeeded() {
            return !timedOut && exitCode == 0;
        }
    }

    private static final int TAIL_BYTES = 4096;

    private Commands() {}

    /**
     * Runs a program to its end. Its output goes through a file, since a server that a program leaves behind would
     * keep a pipe open.
     */
    static Result run(Account account, Path folder, Path output, Duration timeout, List<String> command) {
        List<String> whole = new ArrayList<>(account.prefix());
        whole.addAll(command);
        ProcessBuilder builder = new ProcessBuilder(whole)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectInput(nothing())
                .redirectOutput(output.toFile());
        builder.environment().keySet().removeIf(name -> name.startsWith("PG"));
        builder.environment().put("LC_ALL", "C");
        try {
            Files.deleteIfExists(output);
            Files.createFile(output, Folders.privateFile());
            Process process = builder.start();
            boolean ended = false;
            try {
                ended = process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS);
            } finally {
                if (!ended) {
                    process.descendants().forEach(ProcessHandle::destroyForcibly);
                    process.destroyForcibly();
                }
            }
            return new Result(!ended, ended ? process.exitValue() : -1, tail(output, 0));
        } catch (IOException e) {
            throw new PostgresException(
                    Reason.UNSUPPORTED_PLATFORM, "The program " + whole.get(0) + " cannot be run: " + e, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new PostgresException(Reason.NOT_STARTED, "Interrupted while running " + command.get(0), e);
        }
    }

    private static ProcessBuilder.Redirect nothing() {
        return ProcessBuilder.Redirect.from(
                new File(System.getProperty("os.name", "").startsWith("Windows") ? "NUL" : "/dev/null"));
    }

    /** Returns the end of a file, from a position on; empty if there is none. */
    static String tail(Path file, long from) {
        try (RandomAccessFile reader = new RandomAccessFile(file.toFile(), "r")) {
            long length = reader.length();
            long start = Math.max(Math.min(from, length), length - TAIL_BYTES);
            byte[] bytes = new byte[(int) (length - start)];
            reader.seek(start);
            reader.readFully(bytes);
            return new String(bytes, StandardCharsets.UTF_8).strip();
        } catch (IOException e) {
            return "";
        }
    }
}
