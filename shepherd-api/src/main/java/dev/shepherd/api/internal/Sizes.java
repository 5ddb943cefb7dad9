package dev.shepherd.api.internal;

import java.math.BigInteger;
import java.util.Locale;

/** Says sizes as people do: {@code 128 GiB} of memory, a disk of {@code 1.92 TB}, a link of {@code 25 Gbit/s}. */
public final class Sizes {

    private static final String[] PREFIXES = {"", "k", "M", "G", "T", "P", "E", "Z", "Y"};
    private static final String[] BINARY_PREFIXES = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};

    private Sizes() {}

    /** Says a size of memory, by powers of 1024. */
    public static String memory(long bytes) {
        return text(bytes, 1024, BINARY_PREFIXES) + "B";
    }

    /** Says the size of a disk, by powers of 1000, as it is printed on it. */
    public static String disk(long bytes) {
        return text(bytes, 1000, PREFIXES) + "B";
    }

    /** Says the memory of many machines together. */
    public static String memory(BigInteger bytes) {
        return text(bytes.doubleValue(), 1024, BINARY_PREFIXES) + "B";
    }

    /** Says the size of many disks together. */
    public static String disk(BigInteger bytes) {
        return text(bytes.doubleValue(), 1000, PREFIXES) + "B";
    }

    /** Says the speed of a link that is given in bytes per second: in bits, as it is printed on it. */
    public static String speed(long bytesPerSecond) {
        return text(bytesPerSecond * 8.0, 1000, PREFIXES) + "bit/s";
    }

    private static String text(double number, int base, String[] prefixes) {
        double scaled = number;
        int prefix = 0;
        // What would be rounded up to the next unit is said in that.
        while (scaled >= base - 0.005 && prefix < prefixes.length - 1) {
            scaled /= base;
            prefix++;
        }
        String digits = String.format(Locale.ROOT, scaled < 10 ? "%.2f" : scaled < 100 ? "%.1f" : "%.0f", scaled);
        if (digits.contains(".")) {
            digits = digits.replaceAll("0+$", "").replaceAll("[.]$", "");
        }
        return digits + " " + prefixes[prefix];
    }
}
