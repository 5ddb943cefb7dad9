package dev.shepherd.bmdb.fleet;

import dev.shepherd.api.ProviderType;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/**
 * How many machines there are in each state, as last counted. Immutable.
 *
 * @param countedAt when that was, by the database's clock
 * @param took how long counting took
 * @param age how long ago that was when this was read
 * @param counts the counts, by provider, location and state; none is zero
 * @param figures what else was counted
 * @param hardware what the machines are made of, by provider and location
 */
public record FleetSummary(
        Instant countedAt,
        Duration took,
        Duration age,
        List<Count> counts,
        List<Figure> figures,
        List<HardwareSum> hardware) {

    /** Copies the lists. */
    public FleetSummary {
        counts = List.copyOf(counts);
        figures = List.copyOf(figures);
        hardware = List.copyOf(hardware);
    }

    /** What is counted beside the machines in each state. */
    public enum What {
        /** Machines that a process would claim now, by provider and process. */
        DUE,
        /** Backoffs in force, by provider, process and kind of the cause. */
        BACKED_OFF,
        /** Machines whose requested installation is not fulfilled, by provider. */
        INSTALLATIONS_PENDING,
        /** Machines that take a place within the limits of recovery, by provider. */
        IN_RECOVERY,
        /** How many of a provider's machines may be in recovery at once, by provider. */
        RECOVERY_LIMIT,
        /**
         * For how many seconds the machine is held back that a gate keeps from recovery the longest; 0 if none is. By provider and
         * kind, which is what the gate said: {@code not_now} or {@code never}.
         */
        HELD_BACK,
        /** Freezes of recovery in force, by provider; one of the whole fleet counts for each. */
        FREEZES,
        /**
         * 1 if the provider's last rollout is in a state: {@code running}, {@code paused}, or {@code stopped} on its own, within
         * the last day. By provider and kind.
         */
        ROLLOUTS,
        /** Machines of the provider's last rollout, until a day after its end. By provider and kind, which is the step. */
        ROLLOUT_MACHINES,
        /** Pauses in force. */
        PAUSES,
        /** What people did within the last hour, by its verb. */
        ACTIONS
    }

    /**
     * A number that was counted.
     *
     * @param what what was counted
     * @param provider whose; empty where it is not by provider
     * @param process the name of the process; empty where it is not by process
     * @param kind what else it is by; empty where nothing
     * @param value the number
     */
    public record Figure(What what, String provider, String process, String kind, long value) {}

    /**
     * How many machines of a provider at a location are in a state.
     *
     * @param provider the provider
     * @param location the location; empty for machines without one
     * @param state the state
     * @param machines how many, at least 1
     */
    public record Count(ProviderType provider, String location, MachineState state, long machines) {}

    /**
     * What the machines of a provider at a location are made of together, as their agents reported it. Machines
     * without a report have no share in it.
     *
     * @param provider the provider
     * @param location the location; empty for machines without one
     * @param machines machines with a report, at least 1
     * @param unreadable those of them whose report cannot be read; they have no share in what follows
     * @param cpus processor packages
     * @param cores physical cores
     * @param threads what operating systems schedule on
     * @param memoryBytes installed memory, in bytes
     * @param disks block devices
     * @param diskBytes what these hold, in bytes
     * @param failingDisks block devices that say that they will fail, as {@link
     *     dev.shepherd.bmdb.hardware.BlockDevice#willFail} has it
     */
    public record HardwareSum(
            ProviderType provider,
            String location,
            long machines,
            long unreadable,
            long cpus,
            long cores,
            long threads,
            BigInteger memoryBytes,
            long disks,
            BigInteger diskBytes,
            long failingDisks) {}

    /** Returns how many machines there are. */
    public long machines() {
        return counts.stream().mapToLong(Count::machines).sum();
    }

    /** Returns how many machines are in a state. */
    public long machines(MachineState state) {
        return counts.stream()
                .filter(count -> count.state() == state)
                .mapToLong(Count::machines)
                .sum();
    }
}
