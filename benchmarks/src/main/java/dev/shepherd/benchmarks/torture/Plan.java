package dev.shepherd.benchmarks.torture;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;

/**
 * What parent and managers have to agree on.
 *
 * @param folder where the logs are
 * @param startedAtMillis when it began, in milliseconds since the epoch
 * @param seconds for how long machines appear, agents fall silent and managers are hurt
 * @param machines how many machines the fleet may have
 */
record Plan(Path folder, long startedAtMillis, long seconds, int machines) {

    /** How long a session outlives its last heartbeat. */
    static final Duration SESSION_INTERVAL = Duration.ofSeconds(3);

    /** How long a machine is left alone between two reboots. */
    static final Duration COOLDOWN = Duration.ofSeconds(10);

    static final String PROVIDER = "torture";
    static final String INSPECTION = "TortureInspection";

    /** The label that says which group a machine is in. */
    static final String GROUP = "group";

    private static final int GROUP_SIZE = 3;
    private static final double THERE_AT_ONCE = 0.4;
    private static final double THERE_AFTER = 0.7;

    List<String> arguments() {
        return List.of(
                folder.toString(), Long.toString(startedAtMillis), Long.toString(seconds), Integer.toString(machines));
    }

    static Plan of(List<String> arguments) {
        return new Plan(
                Path.of(arguments.get(0)),
                Long.parseLong(arguments.get(1)),
                Long.parseLong(arguments.get(2)),
                Integer.parseInt(arguments.get(3)));
    }

    /** Returns how many machines the provider has in all: more than the fleet may have. */
    int reservations() {
        return machines + Math.max(1, machines / 10);
    }

    /** Returns how many machines the provider has by now: some from the beginning on, the others one by one. */
    int appeared(long nowMillis) {
        double share = (nowMillis - startedAtMillis) / (seconds * 1000.0 * THERE_AFTER);
        double there = THERE_AT_ONCE + (1 - THERE_AT_ONCE) * Math.max(0, Math.min(1, share));
        return (int) Math.ceil(reservations() * there);
    }

    static String machine(int number) {
        return String.format(Locale.ROOT, "t-%05d", number);
    }

    /** Returns the group that a machine is in: of each, one may be down at once. */
    static int group(String machine) {
        return Integer.parseInt(machine.substring(2)) / GROUP_SIZE;
    }

    static InetAddress address(int number) {
        try {
            return InetAddress.getByAddress(
                    new byte[] {10, (byte) (number >> 16), (byte) (number >> 8), (byte) number});
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }

    static String runtimeInfo(int manager) {
        return "manager " + manager;
    }
}
