package dev.shepherd.testkit.ssh;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Finds the processes that hosts' commands left behind, such as daemons, by a mark in their environment. */
final class Leftovers {

    private static final Path PROC = Path.of("/proc");
    private static final int MAX_ROUNDS = 200;
    private static final long ROUND_MILLIS = 5;

    private Leftovers() {}

    /**
     * Kills every process whose environment has one of the values in a variable, and waits until there is none. Knows
     * only systems with a {@code /proc} like that of Linux; does nothing on others.
     */
    static void kill(String variable, Set<String> values) {
        if (values.isEmpty() || !Files.isDirectory(PROC)) {
            return;
        }
        // Again and again, since what is being killed may be forking at this moment.
        for (int round = 0; round < MAX_ROUNDS; round++) {
            List<ProcessHandle> marked = marked(variable + "=", values);
            if (marked.isEmpty()) {
                return;
            }
            marked.forEach(ProcessHandle::destroyForcibly);
            try {
                Thread.sleep(ROUND_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    private static List<ProcessHandle> marked(String prefix, Set<String> values) {
        List<ProcessHandle> marked = new ArrayList<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path process : processes) {
                if (value(process, prefix).filter(values::contains).isPresent()) {
                    ProcessHandle.of(Long.parseLong(process.getFileName().toString()))
                            .ifPresent(marked::add);
                }
            }
        } catch (IOException | DirectoryIteratorException e) {
            // Without a list of processes there is none to find.
        }
        return marked;
    }

    private static Optional<String> value(Path process, String prefix) {
        String environment;
        try {
            environment = Files.readString(process.resolve("environ"), StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            // Gone, or another user's.
            return Optional.empty();
        }
        for (String variable : environment.split("\\x00", -1)) {
            if (variable.startsWith(prefix)) {
                return Optional.of(variable.substring(prefix.length()));
            }
        }
        return Optional.empty();
    }
}
