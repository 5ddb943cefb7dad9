package dev.shepherd.agent.inventory;

import dev.shepherd.agent.messages.hardware.EFISupport;
import dev.shepherd.agent.messages.hardware.Node;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** Reads who made the machine, how it was started, and its memory. */
final class Machine {

    private static final String DMI = "/sys/class/dmi/id/";

    /** What firmware says where no one has filled in the truth, in lower case. */
    private static final Set<String> PLACEHOLDERS = Set.of(
            "0",
            "00000000",
            "0123456789",
            "123456789",
            "1234567890",
            "chassis serial number",
            "default string",
            "empty",
            "n/a",
            "na",
            "none",
            "not applicable",
            "not available",
            "not specified",
            "o.e.m.",
            "oem",
            "sku",
            "system manufacturer",
            "system product name",
            "system serial number",
            "to be filled by o.e.m.",
            "unknown");

    private static final long KIB = 1024;

    private final SystemFiles files;
    private final List<String> warnings;

    Machine(SystemFiles files, List<String> warnings) {
        this.files = files;
        this.warnings = warnings;
    }

    void read(Node.Builder node) {
        name(node);
        Optional<Smbios> smbios = Smbios.read(files);
        memory(node, smbios);
        node.setEfiSupport(efi(smbios));
    }

    private void name(Node.Builder node) {
        Optional<String> product = said(DMI + "product_name");
        Optional<String> serialNumber = said(DMI + "product_serial");
        said(DMI + "sys_vendor").ifPresent(node::setManufacturer);
        // Boards that boot by a device tree have their names there.
        product.or(() -> said("/proc/device-tree/model")).ifPresent(node::setProduct);
        serialNumber.or(() -> said("/proc/device-tree/serial-number")).ifPresent(node::setSerialNumber);
        if (node.getManufacturer().isEmpty() && node.getProduct().isEmpty()) {
            warnings.add("the firmware does not say what machine this is");
        } else if (node.getSerialNumber().isEmpty()) {
            warnings.add("the machine's serial number is not known"
                    + (files.has(DMI + "product_serial") && serialNumber.isEmpty()
                            ? ": the firmware has none, or only root may read it"
                            : ""));
        }
    }

    private Optional<String> said(String path) {
        return files.text(path).filter(text -> !PLACEHOLDERS.contains(text.toLowerCase(Locale.ROOT)));
    }

    private void memory(Node.Builder node, Optional<Smbios> smbios) {
        OptionalLong usable = usableBytes();
        OptionalLong installed = smbios.map(Smbios::memoryBytes).orElse(OptionalLong.empty());
        if (installed.isEmpty()) {
            installed = blockBytes();
            if (installed.isPresent()) {
                warnings.add("the memory modules cannot be read: the memory is what the kernel was given");
            }
        }
        if (installed.isEmpty() && usable.isPresent()) {
            installed = usable;
            warnings.add("the memory modules cannot be read: the memory is what the kernel can use");
        }
        if (installed.isEmpty()) {
            warnings.add("the amount of memory is not known");
            return;
        }
        node.setMemoryInstalledBytes(installed.getAsLong());
        if (usable.isPresent()) {
            node.setMemoryUsableRatio((float) Math.min(1, usable.getAsLong() / (double) installed.getAsLong()));
        }
    }

    private OptionalLong usableBytes() {
        for (String line : files.lines("/proc/meminfo", SystemFiles.LONGEST)) {
            String[] words = line.split("\\s+");
            if (words.length >= 2 && words[0].equals("MemTotal:")) {
                OptionalLong kib = SystemFiles.number(Optional.of(words[1]));
                return kib.isPresent() && kib.getAsLong() > 0 && kib.getAsLong() < Long.MAX_VALUE / KIB
                        ? OptionalLong.of(kib.getAsLong() * KIB)
                        : OptionalLong.empty();
            }
        }
        return OptionalLong.empty();
    }

    /**
     * The blocks that the kernel may take memory from and give back: all memory that it was given, to a block's size.
     */
    private OptionalLong blockBytes() {
        String folder = "/sys/devices/system/memory/";
        OptionalLong size =
                SystemFiles.number(files.text(folder + "block_size_bytes").map(hex -> "0x" + hex));
        long blocks = files.names(folder).stream()
                .filter(name -> name.matches("memory\\d+"))
                .count();
        return size.isEmpty() || size.getAsLong() <= 0 || size.getAsLong() > 1L << 40 || blocks == 0
                ? OptionalLong.empty()
                : OptionalLong.of(size.getAsLong() * blocks);
    }

    private EFISupport efi(Optional<Smbios> smbios) {
        if (files.has("/sys/firmware/efi")) {
            return EFISupport.EFI_SUPPORT_ENABLED;
        }
        if (smbios.isEmpty()) {
            warnings.add("whether the firmware has EFI is not known");
            return EFISupport.EFI_SUPPORT_UNKNOWN;
        }
        return smbios.get().hasUefi() ? EFISupport.EFI_SUPPORT_SUPPORTED : EFISupport.EFI_SUPPORT_UNSUPPORTED;
    }
}
