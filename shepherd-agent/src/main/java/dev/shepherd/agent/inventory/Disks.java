package dev.shepherd.agent.inventory;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.hardware.BlockDevice;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/** Reads the block devices that have hardware of their own: no partitions, and nothing that is made of others. */
final class Disks {

    private static final String FOLDER = "/sys/block/";
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9!._-]{1,64}");

    /** CD drives; paths to an NVMe device that is shown once; boot areas of an MMC device. */
    private static final Pattern NO_DISK =
            Pattern.compile("sr\\d+|fd\\d+|nvme\\d+c\\d+n\\d+|mmcblk\\d+(boot\\d+|rpmb|gp\\d+)");

    private static final int MOST = 4096;

    /** The kernel counts sizes in these, whatever the device's own block is. */
    private static final long SECTOR = 512;

    private static final long MOST_SECTORS = 1L << 51;

    /** PCI's numbers of those who make NVMe devices. Most write their name into the model, too, but not all. */
    private static final Map<String, String> PCI_VENDORS = Map.ofEntries(
            Map.entry("0x1028", "Dell"),
            Map.entry("0x1179", "Toshiba"),
            Map.entry("0x1344", "Micron"),
            Map.entry("0x144d", "Samsung"),
            Map.entry("0x15b7", "SanDisk"),
            Map.entry("0x1987", "Phison"),
            Map.entry("0x1b96", "Western Digital"),
            Map.entry("0x1bb1", "Seagate"),
            Map.entry("0x1c58", "HGST"),
            Map.entry("0x1c5c", "SK hynix"),
            Map.entry("0x1d0f", "Amazon"),
            Map.entry("0x1e0f", "KIOXIA"),
            Map.entry("0x2646", "Kingston"),
            Map.entry("0x8086", "Intel"),
            Map.entry("0xc0a9", "Crucial"));

    private final SystemFiles files;
    private final Health health;
    private final List<String> warnings;

    Disks(SystemFiles files, Health health, List<String> warnings) {
        this.files = files;
        this.health = health;
        this.warnings = warnings;
    }

    List<BlockDevice> read() {
        List<BlockDevice> disks = new ArrayList<>();
        for (String name : files.names(FOLDER)) {
            String path = FOLDER + name + "/";
            OptionalLong sectors = files.number(path + "size");
            if (!NAME.matcher(name).matches()
                    || NO_DISK.matcher(name).matches()
                    || !files.has(path + "device")
                    // A card reader without a card has a device without a size.
                    || sectors.orElse(0) <= 0
                    || files.number(path + "hidden").orElse(0) == 1) {
                continue;
            }
            if (disks.size() == MOST) {
                warnings.add("there are more than " + MOST + " disks: the others are left out");
                break;
            }
            disks.add(disk(name, path, sectors.getAsLong()));
        }
        health.tellWhatIsMissing(disks);
        return disks;
    }

    private BlockDevice disk(String name, String path, long sectors) {
        BlockDevice.Builder disk = BlockDevice.newBuilder()
                .setRotational(files.number(path + "queue/rotational").orElse(0) == 1)
                .setLogicalBlockSizeBytes(size(path + "queue/logical_block_size"))
                .setPhysicalBlockSizeBytes(size(path + "queue/physical_block_size"));
        if (sectors <= MOST_SECTORS) {
            disk.setCapacityBytes(sectors * SECTOR);
        }
        if (name.startsWith("nvme")) {
            nvme(disk, path);
        } else if (name.startsWith("mmcblk")) {
            mmc(disk, path);
        } else if (files.has(path + "device/vpd_pg80") || files.has(path + "device/scsi_level")) {
            scsi(disk, path);
        } else {
            // Such as a virtual machine's, which has at most a serial number that its host gave it.
            files.text(path + "serial").ifPresent(disk::setSerialNumber);
        }
        health.read(name, disk);
        return disk.build();
    }

    private int size(String path) {
        OptionalLong size = files.number(path);
        return size.isPresent() && size.getAsLong() > 0 && size.getAsLong() <= 1 << 20 ? (int) size.getAsLong() : 0;
    }

    private void nvme(BlockDevice.Builder disk, String path) {
        disk.setProtocol(BlockDevice.Protocol.PROTOCOL_NVME);
        files.text(path + "device/model").ifPresent(disk::setDeviceModel);
        files.text(path + "device/serial").ifPresent(disk::setSerialNumber);
        files.text(path + "device/device/vendor").map(PCI_VENDORS::get).ifPresent(disk::setVendor);
        name(files.text(path + "wwid")).ifPresent(disk::setWwn);
    }

    private void mmc(BlockDevice.Builder disk, String path) {
        disk.setProtocol(BlockDevice.Protocol.PROTOCOL_MMC);
        files.text(path + "device/name").ifPresent(disk::setDeviceModel);
        files.text(path + "device/serial").ifPresent(disk::setSerialNumber);
    }

    private void scsi(BlockDevice.Builder disk, String path) {
        String vendor = files.text(path + "device/vendor").orElse("");
        // The kernel shows a SATA disk as one of the vendor ATA; who made it is a part of the model.
        boolean ata = vendor.equals("ATA");
        disk.setProtocol(ata ? BlockDevice.Protocol.PROTOCOL_ATA : BlockDevice.Protocol.PROTOCOL_SCSI);
        if (!ata) {
            disk.setVendor(vendor);
        }
        files.text(path + "device/model").ifPresent(disk::setDeviceModel);
        files.bytes(path + "device/vpd_pg80", 4096).flatMap(Disks::serialNumber).ifPresent(disk::setSerialNumber);
        name(files.text(path + "device/wwid")).ifPresent(disk::setWwn);
    }

    /** The page of vital product data that has it: four bytes, of which the last two are the length, then the text. */
    private static Optional<String> serialNumber(byte[] page) {
        if (page.length < 4) {
            return Optional.empty();
        }
        int length = Math.min((page[2] & 0xff) << 8 | page[3] & 0xff, page.length - 4);
        return Optional.of(SystemFiles.clean(
                        new String(Arrays.copyOfRange(page, 4, 4 + length), StandardCharsets.US_ASCII)))
                .filter(text -> !text.isEmpty());
    }

    /**
     * Reads a world wide name: naa.5002538e40a1b2c3, eui.0025385b71b00b1c. Others are made of the serial number, and
     * no names.
     */
    private static Optional<ByteString> name(Optional<String> wwid) {
        return wwid.map(text -> text.toLowerCase(Locale.ROOT))
                .filter(text -> text.matches("(naa|eui)\\.([0-9a-f]{2}){8,16}"))
                .map(text -> ByteString.copyFrom(HexFormat.of().parseHex(text.substring(4))));
    }
}
