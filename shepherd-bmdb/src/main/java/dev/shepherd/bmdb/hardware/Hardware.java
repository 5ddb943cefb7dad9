package dev.shepherd.bmdb.hardware;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * What an agent last said of its machine's hardware. It comes from the machine, and is not to be trusted: counts and
 * lengths are bounded here, numbers that cannot be are left out and named in {@link #doubts}, but texts may hold
 * anything that UTF-8 can, and are to be escaped where they are shown. What is empty is not known. Immutable.
 *
 * @param unreadable why the report could not be read, in words for people; then all else here is empty
 * @param manufacturer who made the machine
 * @param product what it is
 * @param serialNumber the manufacturer's number of this one machine
 * @param memoryBytes the memory that is installed, in bytes
 * @param memoryUsableRatio how much of that the operating system can use, from 0 to 1
 * @param cpus its processor packages
 * @param blockDevices its disks
 * @param networkInterfaces its network interfaces
 * @param efiSupport how it was started
 * @param warnings what the agent could not find out
 * @param doubts what was left out here, since it cannot be
 */
public record Hardware(
        Optional<String> unreadable,
        Optional<String> manufacturer,
        Optional<String> product,
        Optional<String> serialNumber,
        OptionalLong memoryBytes,
        OptionalDouble memoryUsableRatio,
        List<Cpu> cpus,
        List<BlockDevice> blockDevices,
        List<NetworkInterface> networkInterfaces,
        EfiSupport efiSupport,
        List<String> warnings,
        List<String> doubts) {

    /** The most processor packages of a report that can be read. */
    public static final int MOST_CPUS = 1024;

    /** The most block devices of a report that can be read. */
    public static final int MOST_BLOCK_DEVICES = 4096;

    /** The most network interfaces of a report that can be read. */
    public static final int MOST_NETWORK_INTERFACES = 1024;

    /** The most warnings that are kept of a report, and as many doubts. */
    public static final int MOST_WARNINGS = 64;

    /** The longest text that is kept of a report, in characters; a longer one is cut off. */
    public static final int LONGEST_TEXT = 256;

    /** Copies the lists. */
    public Hardware {
        cpus = List.copyOf(cpus);
        blockDevices = List.copyOf(blockDevices);
        networkInterfaces = List.copyOf(networkInterfaces);
        warnings = List.copyOf(warnings);
        doubts = List.copyOf(doubts);
    }

    /**
     * Reads a report: a serialized {@code AgentHardwareReport} of {@code cloud/agent/api/hardware.proto}. Never
     * fails; what is none is {@link #unreadable}. Takes memory in proportion to the limits above, and not to what the
     * report claims.
     */
    public static Hardware read(byte[] raw) {
        return ReportReader.read(raw);
    }

    static Hardware unreadable(String why) {
        return new Hardware(
                Optional.of(why),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                OptionalLong.empty(),
                OptionalDouble.empty(),
                List.of(),
                List.of(),
                List.of(),
                EfiSupport.UNKNOWN,
                List.of(),
                List.of());
    }

    /** Returns how many physical cores all processors have together, as far as that is known. */
    public long cores() {
        return cpus.stream().mapToLong(cpu -> cpu.cores().orElse(0)).sum();
    }

    /** Returns how many threads all processors have together, as far as that is known. */
    public long threads() {
        return cpus.stream().mapToLong(cpu -> cpu.threads().orElse(0)).sum();
    }

    /** Returns how much all block devices hold together, in bytes, as far as that is known. */
    public long capacityBytes() {
        return blockDevices.stream()
                .mapToLong(device -> device.capacityBytes().orElse(0))
                .sum();
    }

    /** Returns how many block devices say that they will fail. */
    public long failingDevices() {
        return blockDevices.stream().filter(BlockDevice::willFail).count();
    }
}
