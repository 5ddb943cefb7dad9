package dev.shepherd.bmdb.hardware;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * A disk, or another device with blocks. Texts come from the machine: escape them where they are shown. What is empty
 * is not known. Immutable.
 *
 * @param vendor who made it
 * @param model what it is
 * @param serialNumber the vendor's number of this one device
 * @param wwn its world wide name, in lower-case hexadecimal
 * @param rotational whether it has parts that turn
 * @param capacityBytes its size, in bytes
 * @param logicalBlockBytes the unit that it is addressed by, in bytes
 * @param physicalBlockBytes the unit that it writes by, in bytes
 * @param protocol what it speaks
 * @param criticalWarning whether it warns that it fails or is about to
 * @param mediaErrors errors in data that it could not correct, ever
 * @param availableSpareRatio what is left of its spare blocks, from 0 to 1
 * @param usageRatio how much of its life's writes is used up: 0 when new, more than 1 when older than promised
 */
public record BlockDevice(
        Optional<String> vendor,
        Optional<String> model,
        Optional<String> serialNumber,
        Optional<String> wwn,
        boolean rotational,
        OptionalLong capacityBytes,
        OptionalInt logicalBlockBytes,
        OptionalInt physicalBlockBytes,
        Protocol protocol,
        Optional<Boolean> criticalWarning,
        OptionalLong mediaErrors,
        OptionalDouble availableSpareRatio,
        OptionalDouble usageRatio) {

    /**
     * A device with less of its spare blocks than this is about to run out of them: 0.1, the usual limit of NVMe
     * devices.
     */
    public static final double LOW_SPARE_RATIO = 0.1;

    /** What a device speaks. */
    public enum Protocol {
        /** The agent did not say, or it is none of these. */
        UNKNOWN,
        /** SCSI, and SAS. */
        SCSI,
        /** ATA, and SATA. */
        ATA,
        /** NVMe. */
        NVME,
        /** MMC, and SD cards. */
        MMC
    }

    /** Tells whether the device says that it will fail: whether {@link #troubles} has anything. */
    public boolean willFail() {
        return !troubles().isEmpty();
    }

    /**
     * Returns what makes this a device that will fail, in words for people: a critical warning, errors in its data,
     * less than {@value #LOW_SPARE_RATIO} of its spare blocks left, or all of its life's writes used up. Empty if it
     * says nothing of the kind.
     */
    public List<String> troubles() {
        List<String> troubles = new ArrayList<>();
        if (criticalWarning.orElse(false)) {
            troubles.add("critical warning");
        }
        if (mediaErrors.orElse(0) > 0) {
            troubles.add(mediaErrors.getAsLong() + (mediaErrors.getAsLong() == 1 ? " media error" : " media errors"));
        }
        if (availableSpareRatio.orElse(1) < LOW_SPARE_RATIO) {
            troubles.add(percent(availableSpareRatio.getAsDouble()) + " of its spare blocks left");
        }
        if (usageRatio.orElse(0) >= 1) {
            troubles.add(percent(usageRatio.getAsDouble()) + " of its life used up");
        }
        return List.copyOf(troubles);
    }

    /** Tells whether anything is known of its health. */
    public boolean saysHealth() {
        return criticalWarning.isPresent()
                || mediaErrors.isPresent()
                || availableSpareRatio.isPresent()
                || usageRatio.isPresent();
    }

    private static String percent(double ratio) {
        return String.format(Locale.ROOT, "%.0f %%", ratio * 100);
    }
}
