package dev.shepherd.agent.inventory;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The table that firmware leaves for the operating system (SMBIOS, of DMTF DSP0134), as far as it is of use. Firmware
 * has mistakes: nothing in the table is believed to lie within it.
 */
final class Smbios {

    private static final int TYPE_BIOS = 0;
    private static final int TYPE_MEMORY_DEVICE = 17;
    private static final int TYPE_END = 127;
    private static final long MIB = 1 << 20;

    /** More memory than a machine has: what claims more is a mistake. */
    private static final long MOST_BYTES = 1L << 50;

    private long memoryBytes;
    private boolean hasMemory;
    private boolean uefi;

    private Smbios() {}

    /** Reads the table that the kernel shows to root; empty if there is none. */
    static Optional<Smbios> read(SystemFiles files) {
        return files.bytes("/sys/firmware/dmi/tables/DMI", 1 << 20)
                .filter(table -> table.length > 0)
                .map(table -> {
                    Smbios smbios = new Smbios();
                    smbios.scan(ByteBuffer.wrap(table).order(ByteOrder.LITTLE_ENDIAN));
                    return smbios;
                });
    }

    private void scan(ByteBuffer table) {
        int at = 0;
        while (at + 4 <= table.limit()) {
            int type = table.get(at) & 0xff;
            int length = table.get(at + 1) & 0xff;
            if (length < 4 || at + length > table.limit() || type == TYPE_END) {
                return;
            }
            if (type == TYPE_BIOS && length > 0x13) {
                uefi = (table.get(at + 0x13) & 0x08) != 0;
            } else if (type == TYPE_MEMORY_DEVICE && length > 0x0d) {
                memoryDevice(table, at, length);
            }
            at = behindTexts(table, at + length);
        }
    }

    /** Texts follow a structure, and two zeros end them. */
    private static int behindTexts(ByteBuffer table, int from) {
        int at = from;
        while (at + 1 < table.limit() && (table.get(at) != 0 || table.get(at + 1) != 0)) {
            at++;
        }
        return at + 2;
    }

    private void memoryDevice(ByteBuffer table, int at, int length) {
        int size = table.getShort(at + 0x0c) & 0xffff;
        hasMemory = true;
        long bytes;
        if (size == 0 || size == 0xffff) {
            return; // An empty slot, or one whose size is not known.
        } else if (size == 0x7fff) {
            bytes = length >= 0x20 ? (table.getInt(at + 0x1c) & 0x7fffffffL) * MIB : 0;
        } else if ((size & 0x8000) != 0) {
            bytes = (size & 0x7fffL) * 1024;
        } else {
            bytes = size * MIB;
        }
        memoryBytes = Math.min(memoryBytes + bytes, MOST_BYTES);
    }

    /** Returns the sum of the memory modules; empty if the table says nothing of them. */
    OptionalLong memoryBytes() {
        return hasMemory && memoryBytes > 0 && memoryBytes < MOST_BYTES
                ? OptionalLong.of(memoryBytes)
                : OptionalLong.empty();
    }

    /** Tells whether the firmware has EFI. */
    boolean hasUefi() {
        return uefi;
    }
}
