package dev.shepherd.testkit;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** Finds the processes that a host's commands left behind, such as daemons, by a mark in their environment. */
final class Leftovers {

    private static final int MAX_ROUNDS = 200;
    private static final long ROUND_MILLIS = 5;

    private Leftovers() {}

    /**
     * Kills every process whose environment holds {@code name=value}, and waits until there is none. Knows only
     * systems with a {@code /proc} like that of Linux; does nothing on others.
     */
    static void kill(String name, String value) {
        byte[] mark = (name + "=" + value + "\0").getBytes(StandardCharsets.UTF_8);
        // Again and again, since what is being killed may be forking at this moment.
        for (int round = 0; round < MAX_ROUNDS; round++) {
            List<ProcessHandle> marked = ProcessHandle.allProcesses()
                    .filter(process -> bears(process, mark))
                    .toList();
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

    private static boolean bears(ProcessHandle process, byte[] mark) {
        byte[] environment;
        try {
            environment = Files.readAllBytes(Path.of("/proc", Long.toString(process.pid()), "environ"));
        } catch (IOException e) {
            // Gone, or somebody else's.
            return false;
        }
        for (int start = 0; start <= environment.length - mark.length; start++) {
            boolean atVariable = start == 0 || environment[start - 1] == 0;
            if (atVariable && Arrays.equals(environment, start, start + mark.length, mark, 0, mark.length)) {
                return true;
            }
        }
        return false;
    }
}
