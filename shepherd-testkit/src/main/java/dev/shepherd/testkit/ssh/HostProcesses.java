package dev.shepherd.testkit.ssh;

import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/** The processes of a host's machine: the commands, and what these leave behind. Safe for use by several threads. */
final class HostProcesses {

    /** The environment variable by which a host knows its processes. */
    static final String VARIABLE = "SHEPHERD_TEST_HOST";

    private final Set<HostCommand> running = ConcurrentHashMap.newKeySet();
    private volatile String mark = UUID.randomUUID().toString();
    private volatile boolean everRan;

    /** Returns what is in the environment of every process since the machine was booted last. */
    String mark() {
        return mark;
    }

    /** Returns whether there was a command since the host was made. */
    boolean everRan() {
        return everRan;
    }

    void started(HostCommand command) {
        running.add(command);
        everRan = true;
    }

    void ended(HostCommand command) {
        running.remove(command);
    }

    /** Gives processes from now on another mark, as they belong to another boot. Returns the mark of those before. */
    String boot() {
        String before = mark;
        mark = UUID.randomUUID().toString();
        return before;
    }

    /** Kills the commands, and waits until they are gone. */
    void endCommands() {
        running.forEach(HostCommand::destroy);
        running.forEach(HostCommand::kill);
    }

    /** Kills every process with one of these marks, and waits until they are gone. Looks through all processes. */
    static void kill(Set<String> marks) {
        Leftovers.kill(VARIABLE, marks);
    }
}
