package dev.shepherd.agent.inventory;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;

/** Files of a machine, as its kernel would show them. */
final class Tree {

    private final Path root;

    Tree(Path root) {
        this.root = root;
    }

    Path root() {
        return root;
    }

    /** Writes an attribute, with a line break behind it as the kernel does. */
    Tree with(String path, String value) {
        return with(path, (value + "\n").getBytes(StandardCharsets.UTF_8));
    }

    Tree with(String path, byte[] value) {
        try {
            Path file = root.resolve(path.substring(1));
            Files.createDirectories(file.getParent());
            Files.write(file, value);
            return this;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Tree folder(String path) {
        try {
            Files.createDirectories(root.resolve(path.substring(1)));
            return this;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Tree dmi(String vendor, String product, String serialNumber) {
        return with("/sys/class/dmi/id/sys_vendor", vendor)
                .with("/sys/class/dmi/id/product_name", product)
                .with("/sys/class/dmi/id/product_serial", serialNumber);
    }

    Tree memory(long usableKib) {
        return with("/proc/meminfo", "MemTotal:       " + usableKib + " kB\nMemFree:          123456 kB");
    }

    /** A firmware's table: a BIOS with or without EFI, and memory modules of so many MiB each; 0 is an empty slot. */
    Tree smbios(boolean uefi, int... modulesMib) {
        StringBuilder table = new StringBuilder();
        table.append("0018" + "0000" + "01020000" + "0300" + "00".repeat(8) + "00" + (uefi ? "08" : "00") + "00000000")
                .append("4100" + "4200" + "00");
        for (int mib : modulesMib) {
            String size = mib >= 0x7fff ? "ff7f" : hex16(mib);
            table.append("1128" + "0100" + "00000000" + "4000" + "4000" + size + "00".repeat(0x1c - 0x0e))
                    .append(mib >= 0x7fff ? hex16(mib & 0xffff) + hex16(mib >>> 16) : "00000000")
                    .append("00".repeat(0x28 - 0x20))
                    .append("44494d4d00" + "00");
        }
        table.append("7f04ffff0000");
        return with("/sys/firmware/dmi/tables/DMI", HexFormat.of().parseHex(table));
    }

    private static String hex16(int value) {
        return String.format("%02x%02x", value & 0xff, value >>> 8 & 0xff);
    }

    /** A block device without a name of its own. */
    Tree disk(String name, long bytes, boolean rotational, int physicalBlock) {
        String path = "/sys/block/" + name + "/";
        return with(path + "size", String.valueOf(bytes / 512))
                .with(path + "queue/rotational", rotational ? "1" : "0")
                .with(path + "queue/logical_block_size", "512")
                .with(path + "queue/physical_block_size", String.valueOf(physicalBlock));
    }

    Tree nvme(String name, long bytes, String pciVendor, String model, String serialNumber, String wwid) {
        String path = "/sys/block/" + name + "/";
        return disk(name, bytes, false, 4096)
                .with(path + "device/model", model + "                    ")
                .with(path + "device/serial", "      " + serialNumber)
                .with(path + "device/device/vendor", pciVendor)
                .with(path + "wwid", wwid);
    }

    Tree scsi(
            String name,
            long bytes,
            boolean rotational,
            String vendor,
            String model,
            String serialNumber,
            String wwid) {
        String path = "/sys/block/" + name + "/";
        byte[] text = serialNumber.getBytes(StandardCharsets.US_ASCII);
        byte[] page = new byte[4 + text.length];
        page[1] = (byte) 0x80;
        page[3] = (byte) text.length;
        System.arraycopy(text, 0, page, 4, text.length);
        return disk(name, bytes, rotational, 4096)
                .with(path + "device/scsi_level", "7")
                .with(path + "device/vendor", vendor)
                .with(path + "device/model", model)
                .with(path + "device/vpd_pg80", page)
                .with(path + "device/wwid", wwid);
    }

    Tree network(String name, String mac, String driver, boolean up, int mbits) {
        String path = "/sys/class/net/" + name + "/";
        with(path + "address", mac)
                .with(path + "device/uevent", "DRIVER=" + driver + "\nPCI_CLASS=20000\nPCI_ID=8086:1572")
                .with(path + "speed", String.valueOf(mbits));
        return up ? with(path + "carrier", "1") : this;
    }

    /** A processor of the kernel's: one thread of a core. */
    Tree thread(StringBuilder cpuinfo, int number, int socket, int core, String said) {
        String path = "/sys/devices/system/cpu/cpu" + number + "/topology/";
        cpuinfo.append("processor\t: " + number + "\n" + said + "\n");
        return with(path + "physical_package_id", String.valueOf(socket)).with(path + "core_id", String.valueOf(core));
    }
}
