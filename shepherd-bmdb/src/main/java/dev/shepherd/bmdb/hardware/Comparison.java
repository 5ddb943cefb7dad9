package dev.shepherd.bmdb.hardware;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Sizes;
import dev.shepherd.bmdb.hardware.HardwareChange.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Compares two reports. Takes time in proportion to their parts. */
final class Comparison {

    private static final int LONGEST = 100;

    private final Hardware before;
    private final Hardware after;
    private final List<HardwareChange> changes = new ArrayList<>();
    private int more;

    Comparison(Hardware before, Hardware after) {
        this.before = before;
        this.after = after;
    }

    List<HardwareChange> changes() {
        if (after.unreadable().isPresent()) {
            if (before.unreadable().isEmpty()) {
                add(Kind.REPORT_UNREADABLE, Escaped.text(after.unreadable().get(), Hardware.LONGEST_TEXT));
            }
            return changes;
        }
        if (before.unreadable().isPresent()) {
            add(Kind.REPORT_READABLE, "the report before could not be read");
            return changes;
        }
        machine();
        memory();
        cpus();
        disks();
        networks();
        if (more > 0) {
            changes.set(HardwareChange.MOST - 1, new HardwareChange(Kind.MORE, "and " + (more + 1) + " more changes"));
        }
        return changes;
    }

    private void add(Kind kind, String text) {
        if (changes.size() < HardwareChange.MOST) {
            changes.add(new HardwareChange(kind, text));
        } else {
            more++;
        }
    }

    private void machine() {
        if (differ(before.manufacturer(), after.manufacturer())
                || differ(before.product(), after.product())
                || differ(before.serialNumber(), after.serialNumber())) {
            add(Kind.MACHINE_CHANGED, was(machine(before), machine(after)));
        }
        if (before.efiSupport() != after.efiSupport()
                && before.efiSupport() != EfiSupport.UNKNOWN
                && after.efiSupport() != EfiSupport.UNKNOWN) {
            add(Kind.EFI_CHANGED, was("EFI " + word(before.efiSupport()), word(after.efiSupport())));
        }
    }

    private static String word(EfiSupport support) {
        return switch (support) {
            case ENABLED -> "used";
            case SUPPORTED -> "not used";
            case UNSUPPORTED -> "not there";
            case UNKNOWN -> "not known";
        };
    }

    private static <T> boolean differ(Optional<T> one, Optional<T> other) {
        return one.isPresent() && other.isPresent() && !one.equals(other);
    }

    private static String was(String before, String after) {
        return before + " became " + after;
    }

    private static String machine(Hardware hardware) {
        return words(hardware.manufacturer(), hardware.product(), serial(hardware.serialNumber()))
                .orElse("a machine without a name");
    }

    private void memory() {
        if (before.memoryBytes().isPresent()
                && after.memoryBytes().isPresent()
                && before.memoryBytes().getAsLong() != after.memoryBytes().getAsLong()) {
            add(
                    Kind.MEMORY_CHANGED,
                    was(
                            Sizes.memory(before.memoryBytes().getAsLong()),
                            Sizes.memory(after.memoryBytes().getAsLong())));
        }
    }

    private void cpus() {
        match(
                        before.cpus(),
                        after.cpus(),
                        List.of(cpu -> Optional.of(cpu)),
                        Kind.CPU_GONE,
                        Kind.CPU_NEW,
                        cpu -> words(
                                        cpu.vendor(),
                                        cpu.model(),
                                        count(cpu.cores(), "cores"),
                                        count(cpu.threads(), "threads"))
                                .orElse("a processor without a name"))
                .forEach(pair -> {});
    }

    private void disks() {
        List<Function<BlockDevice, Optional<?>>> keys = List.of(
                // Namespaces of one NVMe device share its serial number, paths to one disk share its name.
                disk -> disk.serialNumber().isPresent() && disk.wwn().isPresent()
                        ? Optional.of(List.of(disk.serialNumber(), disk.wwn()))
                        : Optional.empty(),
                BlockDevice::serialNumber,
                BlockDevice::wwn,
                disk -> disk.serialNumber().isEmpty() && disk.wwn().isEmpty()
                        ? Optional.of(List.of(disk.vendor(), disk.model(), disk.capacityBytes()))
                        : Optional.empty());
        for (Pair<BlockDevice> same : match(
                before.blockDevices(), after.blockDevices(), keys, Kind.DISK_GONE, Kind.DISK_NEW, Comparison::disk)) {
            BlockDevice was = same.before();
            BlockDevice is = same.after();
            if (was.capacityBytes().isPresent()
                    && is.capacityBytes().isPresent()
                    && !was.capacityBytes().equals(is.capacityBytes())) {
                add(
                        Kind.DISK_CHANGED,
                        was(disk(was), Sizes.disk(is.capacityBytes().getAsLong())));
            }
            // A report without the health of a disk does not say that it got well.
            if (is.willFail() && !was.willFail()) {
                failing(is);
            } else if (was.willFail() && !is.willFail() && is.saysHealth()) {
                add(Kind.DISK_WELL, disk(is));
            }
        }
    }

    private void failing(BlockDevice disk) {
        add(Kind.DISK_FAILING, disk(disk) + ": " + String.join(", ", disk.troubles()));
    }

    static String disk(BlockDevice disk) {
        return words(
                        disk.vendor(),
                        disk.model(),
                        disk.capacityBytes().isPresent()
                                ? Optional.of(Sizes.disk(disk.capacityBytes().getAsLong()))
                                : Optional.empty(),
                        disk.serialNumber().isPresent()
                                ? serial(disk.serialNumber())
                                : disk.wwn().map(wwn -> "wwn " + wwn))
                .orElse("a disk without a name");
    }

    private void networks() {
        match(
                before.networkInterfaces(),
                after.networkInterfaces(),
                List.of(
                        NetworkInterface::mac,
                        network -> network.mac().isEmpty() ? Optional.of(network.driver()) : Optional.empty()),
                Kind.NETWORK_GONE,
                Kind.NETWORK_NEW,
                network -> words(network.mac(), network.driver()).orElse("an interface without an address"));
    }

    /** Something that is in both reports. */
    private record Pair<T>(T before, T after) {}

    /** Finds what is in both reports by one key after the other, and tells of the rest. */
    private <T> List<Pair<T>> match(
            List<T> before,
            List<T> after,
            List<Function<T, Optional<?>>> keys,
            Kind gone,
            Kind added,
            Function<T, String> name) {
        List<Pair<T>> pairs = new ArrayList<>();
        List<T> left = before;
        Set<Integer> free = new LinkedHashSet<>();
        for (int i = 0; i < after.size(); i++) {
            free.add(i);
        }
        for (Function<T, Optional<?>> key : keys) {
            Map<Object, Deque<Integer>> candidates = new HashMap<>();
            free.forEach(position -> key.apply(after.get(position))
                    .ifPresent(value -> candidates
                            .computeIfAbsent(value, any -> new ArrayDeque<>())
                            .add(position)));
            List<T> unmatched = new ArrayList<>();
            for (T part : left) {
                Integer found =
                        key.apply(part).map(candidates::get).map(Deque::poll).orElse(null);
                if (found == null) {
                    unmatched.add(part);
                } else {
                    free.remove(found);
                    pairs.add(new Pair<>(part, after.get(found)));
                }
            }
            left = unmatched;
        }
        left.forEach(part -> add(gone, name.apply(part)));
        for (int position : free) {
            add(added, name.apply(after.get(position)));
            if (after.get(position) instanceof BlockDevice disk && disk.willFail()) {
                failing(disk);
            }
        }
        return pairs;
    }

    private static Optional<String> count(OptionalInt number, String what) {
        return number.isPresent() ? Optional.of(number.getAsInt() + " " + what) : Optional.empty();
    }

    private static Optional<String> serial(Optional<String> number) {
        return number.map(text -> "serial number " + text);
    }

    @SafeVarargs
    private static Optional<String> words(Optional<String>... words) {
        String text = Stream.of(words)
                .flatMap(Optional::stream)
                .map(word -> Escaped.text(word.strip(), LONGEST))
                .filter(Objects::nonNull)
                .collect(Collectors.joining(", "));
        return text.isEmpty() ? Optional.empty() : Optional.of(text);
    }
}
