package dev.shepherd.agent.messages.internal.certificates;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Writes the little of DER (X.690) that certificates are made of. */
public final class Der {

    private static final int SEQUENCE = 0x30;
    private static final int SET = 0x31;

    private Der() {}

    /** Returns a value with its tag and length. */
    public static byte[] tagged(int tag, byte[]... parts) {
        byte[] content = join(parts);
        ByteArrayOutputStream out = new ByteArrayOutputStream(content.length + 6);
        out.write(tag);
        if (content.length < 0x80) {
            out.write(content.length);
        } else {
            byte[] length = BigInteger.valueOf(content.length).toByteArray();
            int from = length[0] == 0 ? 1 : 0;
            out.write(0x80 | length.length - from);
            out.write(length, from, length.length - from);
        }
        out.writeBytes(content);
        return out.toByteArray();
    }

    private static byte[] join(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    /** Returns a SEQUENCE. */
    public static byte[] sequence(byte[]... parts) {
        return tagged(SEQUENCE, parts);
    }

    /** Returns a SET. */
    public static byte[] set(byte[]... parts) {
        return tagged(SET, parts);
    }

    /** Returns an INTEGER. */
    public static byte[] integer(BigInteger value) {
        return tagged(0x02, value.toByteArray());
    }

    /** Returns a BOOLEAN that is true. */
    public static byte[] yes() {
        return tagged(0x01, new byte[] {(byte) 0xff});
    }

    /** Returns an OCTET STRING. */
    public static byte[] octets(byte[] value) {
        return tagged(0x04, value);
    }

    /** Returns bits, of which the last byte has some that do not count. */
    public static byte[] bits(int unused, byte... value) {
        return tagged(0x03, new byte[] {(byte) unused}, value);
    }

    /** Returns a UTF8String. */
    public static byte[] utf8(String text) {
        return tagged(0x0c, text.getBytes(StandardCharsets.UTF_8));
    }

    /** Returns an object identifier. */
    public static byte[] oid(String dotted) {
        String[] numbers = dotted.split("\\.");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(Integer.parseInt(numbers[0]) * 40 + Integer.parseInt(numbers[1]));
        for (int i = 2; i < numbers.length; i++) {
            int number = Integer.parseInt(numbers[i]);
            for (int shift = 28; shift > 0; shift -= 7) {
                if (number >>> shift != 0) {
                    out.write(0x80 | number >>> shift & 0x7f);
                }
            }
            out.write(number & 0x7f);
        }
        return tagged(0x06, out.toByteArray());
    }

    /** Returns a time as certificates have it (RFC 5280, 4.1.2.5). */
    public static byte[] time(Instant time) {
        ZonedDateTime at = time.atZone(ZoneOffset.UTC);
        boolean isShort = at.getYear() < 2050;
        String text = DateTimeFormatter.ofPattern(isShort ? "yyMMddHHmmss'Z'" : "yyyyMMddHHmmss'Z'", Locale.ROOT)
                .format(at);
        return tagged(isShort ? 0x17 : 0x18, text.getBytes(StandardCharsets.US_ASCII));
    }
}
