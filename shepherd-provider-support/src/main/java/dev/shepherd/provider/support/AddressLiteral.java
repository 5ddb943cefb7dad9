package dev.shepherd.provider.support;

import dev.shepherd.api.internal.Escaped;
import java.net.InetAddress;
import java.net.UnknownHostException;
import org.jspecify.annotations.Nullable;

/**
 * Reads IP addresses as they are written, and nothing else.
 *
 * <p>{@link InetAddress#getByName} does too much: it asks the DNS for what is no address, and takes {@code 10.1} or,
 * depending on the JDK, {@code 010.0.0.1} for addresses that were not meant.
 */
public final class AddressLiteral {

    /** How much is shown of what is no address, in characters. */
    private static final int EXCERPT = 40;

    private static final int IPV4_BYTES = 4;
    private static final int IPV6_BYTES = 16;

    private AddressLiteral() {}

    /**
     * Reads the address of one machine. The DNS is never asked.
     *
     * @param literal four decimal numbers, or one of RFC 4291's forms of IPv6, without a zone
     * @throws IllegalArgumentException if it is not the address of one machine; the message shows it and says why
     */
    public static InetAddress address(String literal) {
        boolean ipv6 = literal.indexOf(':') >= 0;
        if (ipv6 && literal.indexOf('%') >= 0) {
            throw refused(literal, "has a zone, which means nothing to any other host");
        }
        byte[] bytes = new byte[ipv6 ? IPV6_BYTES : IPV4_BYTES];
        if (!(ipv6 ? parseIpv6(literal, bytes) : parseIpv4(literal, bytes, 0))) {
            throw refused(literal, "is not an address");
        }
        InetAddress address = ofBytes(bytes);
        if (address.isAnyLocalAddress()) {
            throw refused(literal, "is the wildcard address");
        }
        if (address.isMulticastAddress()) {
            throw refused(literal, "is a multicast address");
        }
        if (isBroadcast(address)) {
            throw refused(literal, "is the broadcast address");
        }
        return address;
    }

    /**
     * Reads the address of one machine, where a text that is none must not fail a listing; see {@link
     * dev.shepherd.api.MachineInfo.Builder#buildFromWhatFits}.
     *
     * @param literal the text, or null where there is none
     * @return the address; null if {@link #address} refuses the text
     */
    public static @Nullable InetAddress orNull(@Nullable String literal) {
        try {
            return literal == null ? null : address(literal);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    private static IllegalArgumentException refused(String literal, String why) {
        return new IllegalArgumentException(Escaped.quoted(literal, EXCERPT) + " " + why);
    }

    private static boolean isBroadcast(InetAddress address) {
        byte[] bytes = address.getAddress();
        if (bytes.length != IPV4_BYTES) {
            return false;
        }
        for (byte b : bytes) {
            if (b != (byte) 255) {
                return false;
            }
        }
        return true;
    }

    private static boolean parseIpv4(String text, byte[] bytes, int offset) {
        String[] octets = text.split("\\.", -1);
        if (octets.length != IPV4_BYTES) {
            return false;
        }
        for (int i = 0; i < octets.length; i++) {
            String octet = octets[i];
            // A leading zero is octal to some programs and decimal to others.
            boolean wellFormed = octet.length() <= 3
                    && isMadeOf(octet, 10)
                    && (octet.length() == 1 || octet.charAt(0) != '0')
                    && Integer.parseInt(octet) <= 255;
            if (!wellFormed) {
                return false;
            }
            bytes[offset + i] = (byte) Integer.parseInt(octet);
        }
        return true;
    }

    private static boolean parseIpv6(String text, byte[] bytes) {
        int gap = text.indexOf("::");
        if (gap < 0) {
            return parseGroups(text, true, bytes) == IPV6_BYTES;
        }
        byte[] head = new byte[IPV6_BYTES];
        byte[] tail = new byte[IPV6_BYTES];
        int headLength = gap == 0 ? 0 : parseGroups(text.substring(0, gap), false, head);
        String rest = text.substring(gap + 2);
        int tailLength = rest.isEmpty() ? 0 : parseGroups(rest, true, tail);
        // The gap stands for one group of zeros at least.
        if (headLength < 0 || tailLength < 0 || headLength + tailLength > IPV6_BYTES - 2) {
            return false;
        }
        System.arraycopy(head, 0, bytes, 0, headLength);
        System.arraycopy(tail, 0, bytes, IPV6_BYTES - tailLength, tailLength);
        return true;
    }

    /** Returns how many bytes the groups fill, or -1 if they are malformed. */
    private static int parseGroups(String text, boolean mayEndInIpv4, byte[] bytes) {
        String[] groups = text.split(":", -1);
        int length = 0;
        for (int i = 0; i < groups.length; i++) {
            String group = groups[i];
            if (mayEndInIpv4 && i == groups.length - 1 && group.indexOf('.') >= 0) {
                if (length > IPV6_BYTES - IPV4_BYTES || !parseIpv4(group, bytes, length)) {
                    return -1;
                }
                return length + IPV4_BYTES;
            }
            if (length > IPV6_BYTES - 2 || group.length() > 4 || !isMadeOf(group, 16)) {
                return -1;
            }
            int value = Integer.parseInt(group, 16);
            bytes[length++] = (byte) (value >> 8);
            bytes[length++] = (byte) value;
        }
        return length;
    }

    /** Tells whether a text is one or more ASCII digits; {@link Character#digit} knows many others. */
    private static boolean isMadeOf(String text, int radix) {
        return !text.isEmpty() && text.chars().allMatch(c -> c < 128 && Character.digit(c, radix) >= 0);
    }

    private static InetAddress ofBytes(byte[] bytes) {
        try {
            return InetAddress.getByAddress(bytes);
        } catch (UnknownHostException e) {
            throw new AssertionError("an address of " + bytes.length + " bytes", e);
        }
    }
}
