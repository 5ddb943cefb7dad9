package dev.shepherd.agent.inventory;

import dev.shepherd.agent.messages.hardware.BlockDevice;
import dev.shepherd.agent.messages.hardware.BlockDevice.Protocol;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Asks disks for their health. The kernel shows none of it as a file, and what it takes to ask a device needs native
 * code: so this asks {@code smartctl}, or {@code nvme} for NVMe devices, where they are installed. A disk that sleeps
 * is not woken.
 */
final class Health {

    private static final Duration LIMIT = Duration.ofSeconds(10);

    /** For all disks of the machine: one that does not answer takes the limit above. */
    private static final Duration LONGEST = Duration.ofSeconds(60);

    /** A line of smartctl's output in this form: json.smart_status.passed = true; */
    private static final Pattern ASSIGNMENT =
            Pattern.compile("json\\.([A-Za-z0-9_.\\[\\]]+) = (true|false|-?\\d{1,18});");

    private static final Pattern NVME_FIELD =
            Pattern.compile("\"(critical_warning|media_errors|avail_spare|percent_used)\"\\s*:\\s*(\\d{1,18})\\b");

    /** The attribute of ATA that counts what was asked for and could not be read: Reported_Uncorrect. */
    private static final long ATA_MEDIA_ERRORS = 187;

    private final Tools tools;
    private final List<String> warnings;
    private final long start = System.nanoTime();
    private boolean outOfTime;

    Health(Tools tools, List<String> warnings) {
        this.tools = tools;
        this.warnings = warnings;
    }

    /** Asks one disk. */
    void read(String name, BlockDevice.Builder disk) {
        Protocol protocol = disk.getProtocol();
        if (protocol == Protocol.PROTOCOL_UNKNOWN || protocol == Protocol.PROTOCOL_MMC) {
            return;
        }
        if (System.nanoTime() - start > LONGEST.toNanos()) {
            outOfTime = true;
            return;
        }
        String device = "/dev/" + name.replace('!', '/');
        if (tools.has("smartctl")) {
            tools.run(LIMIT, List.of("smartctl", "--json=g", "--nocheck=standby", "--health", "--attributes", device))
                    .ifPresent(output -> smart(assignments(output), disk));
        }
        if (protocol == Protocol.PROTOCOL_NVME && !disk.hasCriticalWarning() && tools.has("nvme")) {
            tools.run(LIMIT, List.of("nvme", "smart-log", "--output-format=json", device))
                    .ifPresent(output -> nvme(output, disk));
        }
    }

    /** Says of which disks nothing is known, and why. */
    void tellWhatIsMissing(List<BlockDevice> disks) {
        List<BlockDevice> silent = disks.stream()
                .filter(disk -> disk.getProtocol() != Protocol.PROTOCOL_UNKNOWN
                        && disk.getProtocol() != Protocol.PROTOCOL_MMC
                        && !disk.hasCriticalWarning())
                .toList();
        if (silent.isEmpty()) {
            return;
        }
        String which = "the health of " + silent.size() + (silent.size() == 1 ? " disk" : " disks") + " is not known: ";
        boolean asked = tools.has("smartctl")
                || tools.has("nvme") && silent.stream().allMatch(disk -> disk.getProtocol() == Protocol.PROTOCOL_NVME);
        warnings.add(which
                + (outOfTime
                        ? "asking the others took more than " + LONGEST.toSeconds() + " s"
                        : asked ? "they do not say, or sleep" : "smartctl is not installed"));
    }

    private static Map<String, Long> assignments(String output) {
        Map<String, Long> assignments = new HashMap<>();
        output.lines().forEach(line -> {
            Matcher matcher = ASSIGNMENT.matcher(line);
            if (matcher.matches()) {
                String value = matcher.group(2);
                assignments.put(
                        matcher.group(1),
                        switch (value) {
                            case "true" -> 1L;
                            case "false" -> 0L;
                            default -> Long.parseLong(value);
                        });
            }
        });
        return assignments;
    }

    private static void smart(Map<String, Long> said, BlockDevice.Builder disk) {
        String log = "nvme_smart_health_information_log.";
        Optional<Long> passed = Optional.ofNullable(said.get("smart_status.passed"));
        Optional<Long> warning = Optional.ofNullable(said.get(log + "critical_warning"));
        if (passed.isPresent() || warning.isPresent()) {
            disk.setCriticalWarning(passed.orElse(1L) == 0 || warning.orElse(0L) != 0);
        }
        set(said.get(log + "media_errors"), disk::setMediaErrors);
        ratio(said.get(log + "available_spare"), disk::setAvailableSpareRatio);
        ratio(said.get(log + "percentage_used"), disk::setUsageRatio);
        // What newer versions say of disks of any kind.
        ratio(said.get("spare_available.current_percent"), disk::setAvailableSpareRatio);
        ratio(said.get("endurance_used.current_percent"), disk::setUsageRatio);
        ratio(said.get("scsi_percentage_used_endurance_indicator"), disk::setUsageRatio);
        if (disk.getProtocol() == Protocol.PROTOCOL_ATA) {
            ataErrors(said).ifPresent(errors -> disk.setMediaErrors(errors));
        } else if (disk.getProtocol() == Protocol.PROTOCOL_SCSI) {
            Long read = said.get("scsi_error_counter_log.read.total_uncorrected_errors");
            Long write = said.get("scsi_error_counter_log.write.total_uncorrected_errors");
            if (read != null || write != null) {
                disk.setMediaErrors((read == null ? 0 : read) + (write == null ? 0 : write));
            }
        }
    }

    private static OptionalLong ataErrors(Map<String, Long> said) {
        return said.entrySet().stream()
                .filter(entry -> entry.getKey().matches("ata_smart_attributes\\.table\\[\\d+\\]\\.id")
                        && entry.getValue() == ATA_MEDIA_ERRORS)
                .map(entry -> said.get(entry.getKey().replaceFirst("id$", "raw.value")))
                .filter(raw -> raw != null && raw >= 0)
                .mapToLong(Long::longValue)
                .max();
    }

    private static void nvme(String output, BlockDevice.Builder disk) {
        Matcher field = NVME_FIELD.matcher(output);
        while (field.find()) {
            long value = Long.parseLong(field.group(2));
            switch (field.group(1)) {
                case "critical_warning" -> disk.setCriticalWarning(value != 0);
                case "media_errors" -> disk.setMediaErrors(value);
                case "avail_spare" -> ratio(value, disk::setAvailableSpareRatio);
                default -> ratio(value, disk::setUsageRatio);
            }
        }
    }

    private interface SetLong {
        void set(long value);
    }

    private interface SetFloat {
        void set(float value);
    }

    private static void set(@Nullable Long value, SetLong set) {
        if (value != null && value >= 0) {
            set.set(value);
        }
    }

    private static void ratio(@Nullable Long percent, SetFloat set) {
        if (percent != null && percent >= 0 && percent <= 255) {
            set.set(percent / 100f);
        }
    }
}
