package dev.shepherd.testkit.ssh;

import dev.shepherd.testkit.ssh.SshHost.Execution;
import dev.shepherd.testkit.ssh.SshHost.Protocol;
import dev.shepherd.testkit.ssh.SshHost.Upload;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.OptionalInt;

/** What a host remembers of the latest commands and uploads. Safe for use by several threads. */
final class HostRecord {

    private final Object lock = new Object();
    private final Deque<Upload> uploads = new ArrayDeque<>();
    private final Deque<Run> runs = new ArrayDeque<>();

    List<Execution> executions() {
        synchronized (lock) {
            return runs.stream().map(Run::toExecution).toList();
        }
    }

    List<Upload> uploads() {
        synchronized (lock) {
            return List.copyOf(uploads);
        }
    }

    void uploaded(String path, long size, Protocol protocol) {
        synchronized (lock) {
            remember(uploads, new Upload(path, size, protocol));
        }
    }

    void renamed(String from, String to) {
        synchronized (lock) {
            List<Upload> renamed = uploads.stream()
                    .map(upload ->
                            upload.path().equals(from) ? new Upload(to, upload.size(), upload.protocol()) : upload)
                    .toList();
            uploads.clear();
            uploads.addAll(renamed);
        }
    }

    Run requested(String command) {
        Run run = new Run(command);
        synchronized (lock) {
            remember(runs, run);
        }
        return run;
    }

    private static <T> void remember(Deque<T> latest, T one) {
        if (latest.size() == SshHost.MAX_REMEMBERED) {
            latest.removeFirst();
        }
        latest.addLast(one);
    }

    /** A command, of which the end is noted when it comes. */
    final class Run {
        private final String command;
        private OptionalInt exitCode = OptionalInt.empty();

        private Run(String command) {
            this.command = command;
        }

        void exited(int code) {
            synchronized (lock) {
                exitCode = OptionalInt.of(code);
            }
        }

        private Execution toExecution() {
            return new Execution(command, exitCode);
        }
    }
}
