package dev.shepherd.bmdb.hardware;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Sizes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What people are shown of a report: sizes are in units, and all texts are escaped and of one line. Immutable.
 *
 * @param facts what there is to say of the whole machine, or that the report cannot be read
 * @param disks its block devices
 * @param networks its network interfaces
 * @param remarks what the agent could not find out, and what was left out of its report
 */
public record HardwareDescription(List<Fact> facts, List<Disk> disks, List<Network> networks, List<String> remarks) {

    /** Copies the lists. */
    public HardwareDescription {
        facts = List.copyOf(facts);
        disks = List.copyOf(disks);
        networks = List.copyOf(networks);
        remarks = List.copyOf(remarks);
    }

    /**
     * Something about the whole machine.
     *
     * @param name what, such as {@code Memory}
     * @param value that
     */
    public record Fact(String name, String value) {}

    /**
     * A block device. A text is empty where nothing is known.
     *
     * @param model vendor and model
     * @param serialNumber the serial number, or else the world wide name
     * @param size how much it holds
     * @param kind what it speaks, and whether it turns
     * @param health why it will fail, or {@code good}; empty if it says nothing of its health
     * @param willFail whether it says that it will fail
     */
    public record Disk(String model, String serialNumber, String size, String kind, String health, boolean willFail) {}

    /**
     * A network interface. A text is empty where nothing is known.
     *
     * @param address the hardware's own address
     * @param driver the kernel's driver
     * @param speed the fastest speed that it can be used at
     * @param link {@code down}, or the speed of the link, or {@code up}
     */
    public record Network(String address, String driver, String speed, String link) {}

    /** Describes a report. */
    public static HardwareDescription of(Hardware hardware) {
        if (hardware.unreadable().isPresent()) {
            return new HardwareDescription(
                    List.of(new Fact(
                            "Report",
                            "cannot be read: " + text(hardware.unreadable().get()))),
                    List.of(),
                    List.of(),
                    List.of());
        }
        List<String> remarks = new ArrayList<>();
        hardware.warnings().forEach(warning -> remarks.add(text(warning)));
        hardware.doubts().forEach(doubt -> remarks.add("left out, since it cannot be: " + text(doubt)));
        return new HardwareDescription(
                facts(hardware),
                hardware.blockDevices().stream().map(HardwareDescription::disk).toList(),
                hardware.networkInterfaces().stream()
                        .map(HardwareDescription::network)
                        .toList(),
                remarks);
    }

    private static String text(String text) {
        return Escaped.text(text.strip(), Hardware.LONGEST_TEXT);
    }

    private static String text(Optional<String> text) {
        return text.map(HardwareDescription::text).orElse("");
    }

    private static List<Fact> facts(Hardware hardware) {
        List<Fact> facts = new ArrayList<>();
        String machine = joined(" ", text(hardware.manufacturer()), text(hardware.product()));
        String serialNumber = hardware.serialNumber()
                .map(number -> "serial number " + text(number))
                .orElse("");
        if (!machine.isEmpty() || !serialNumber.isEmpty()) {
            facts.add(new Fact("Machine", joined(", ", machine, serialNumber)));
        }
        Map<Cpu, Integer> cpus = new LinkedHashMap<>();
        hardware.cpus().forEach(cpu -> cpus.merge(cpu, 1, Integer::sum));
        cpus.forEach((cpu, count) -> facts.add(
                new Fact(count == 1 ? "Processor" : "Processors", (count == 1 ? "" : count + " x ") + text(cpu))));
        hardware.memoryBytes()
                .ifPresent(bytes -> facts.add(new Fact(
                        "Memory",
                        Sizes.memory(bytes)
                                + (hardware.memoryUsableRatio().isPresent()
                                        ? ", "
                                                + percent(hardware.memoryUsableRatio()
                                                        .getAsDouble()) + " of it usable"
                                        : ""))));
        switch (hardware.efiSupport()) {
            case ENABLED -> facts.add(new Fact("EFI", "it was started by it"));
            case SUPPORTED -> facts.add(new Fact("EFI", "it has it, but was not started by it"));
            case UNSUPPORTED -> facts.add(new Fact("EFI", "it has none"));
            case UNKNOWN -> {}
        }
        return facts;
    }

    private static String percent(double ratio) {
        return String.format(Locale.ROOT, "%.0f %%", ratio * 100);
    }

    private static String text(Cpu cpu) {
        // Most models name their vendor, if in other words.
        String name = cpu.model().or(cpu::vendor).map(HardwareDescription::text).orElse("of a model that is not known");
        return joined(", ", name, count(cpu.cores(), "core"), count(cpu.threads(), "thread"));
    }

    private static String count(OptionalInt number, String what) {
        if (number.isEmpty()) {
            return "";
        }
        return number.getAsInt() + " " + what + (number.getAsInt() == 1 ? "" : "s");
    }

    private static Disk disk(BlockDevice disk) {
        String protocol = switch (disk.protocol()) {
            case SCSI -> "SCSI";
            case ATA -> "ATA";
            case NVME -> "NVMe";
            case MMC -> "MMC";
            case UNKNOWN -> "";
        };
        return new Disk(
                joined(" ", text(disk.vendor()), text(disk.model())),
                text(disk.serialNumber().or(() -> disk.wwn().map(wwn -> "wwn " + wwn))),
                disk.capacityBytes().isPresent()
                        ? Sizes.disk(disk.capacityBytes().getAsLong())
                        : "",
                joined(", ", protocol, disk.rotational() ? "rotational" : ""),
                health(disk),
                disk.willFail());
    }

    private static String health(BlockDevice disk) {
        if (disk.willFail()) {
            return "will fail: " + String.join(", ", disk.troubles());
        }
        if (!disk.saysHealth()) {
            return "";
        }
        return disk.usageRatio().isPresent()
                ? "good, " + percent(disk.usageRatio().getAsDouble()) + " of its life used up"
                : "good";
    }

    private static Network network(NetworkInterface network) {
        List<Long> speeds = network.supportedBytesPerSecond();
        return new Network(
                text(network.mac()),
                text(network.driver()),
                speeds.isEmpty() ? "" : Sizes.speed(speeds.get(speeds.size() - 1)),
                !network.linkUp()
                        ? "down"
                        : network.bytesPerSecond().isPresent()
                                ? Sizes.speed(network.bytesPerSecond().getAsLong())
                                : "up");
    }

    private static String joined(String separator, String... texts) {
        return Stream.of(texts).filter(text -> !text.isEmpty()).collect(Collectors.joining(separator));
    }
}
