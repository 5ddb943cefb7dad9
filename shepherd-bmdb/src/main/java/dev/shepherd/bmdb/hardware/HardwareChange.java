package dev.shepherd.bmdb.hardware;

import java.util.List;
import java.util.Locale;

/**
 * What a report says differently from the one before. Immutable.
 *
 * @param kind what changed
 * @param text what it was and is, in words for people. What came from the machine is escaped in it, and it has one line
 */
public record HardwareChange(Kind kind, String text) {

    /** The most changes that are told of one report; the last one then says how many more there were. */
    public static final int MOST = 50;

    /** What changed. */
    public enum Kind {
        /** It is another machine: by manufacturer, product or serial number. */
        MACHINE_CHANGED,
        /** EFI is there, or used, where it was not, or the other way round. */
        EFI_CHANGED,
        /** There is another amount of memory. */
        MEMORY_CHANGED,
        /** A processor is gone. */
        CPU_GONE,
        /** A processor is new. */
        CPU_NEW,
        /** A disk is gone. */
        DISK_GONE,
        /** A disk is new. */
        DISK_NEW,
        /** A disk has another size. */
        DISK_CHANGED,
        /** A disk says that it will fail. */
        DISK_FAILING,
        /** A disk no longer says that it will fail. */
        DISK_WELL,
        /** A network interface is gone. */
        NETWORK_GONE,
        /** A network interface is new. */
        NETWORK_NEW,
        /** The report can no longer be read. */
        REPORT_UNREADABLE,
        /** The report can be read, and the one before could not. */
        REPORT_READABLE,
        /** There were more changes than are told of. */
        MORE;

        /** Returns it in words, such as {@code disk gone}. */
        public String words() {
            return name().toLowerCase(Locale.ROOT).replace('_', ' ');
        }
    }

    /**
     * Compares two reports of a machine. Parts are the same by serial number, world wide name or address, where they
     * have one, and by what they are otherwise: order says nothing. What one of the reports leaves out is no change.
     *
     * @return at most {@value #MOST} changes; none if nothing changed
     */
    public static List<HardwareChange> between(Hardware before, Hardware after) {
        return new Comparison(before, after).changes();
    }
}
