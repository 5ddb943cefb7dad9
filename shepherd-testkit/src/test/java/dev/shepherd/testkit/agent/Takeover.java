package dev.shepherd.testkit.agent;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.spec.EdECPoint;
import java.security.spec.EdECPublicKeySpec;
import java.security.spec.NamedParameterSpec;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** The messages of a takeover, written and read by hand. */
public final class Takeover {

    private Takeover() {}

    /** Returns what an agent of some machine is told. */
    public static byte[] init(String endpoint) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        put(out, 1, "0b6f2a37-8c5e-4a1e-9a63-0d7f0c5d2b11".getBytes(StandardCharsets.UTF_8));
        put(out, 2, endpoint.getBytes(StandardCharsets.UTF_8));
        return out.toByteArray();
    }

    private static void put(ByteArrayOutputStream out, int number, byte[] value) {
        out.write(number << 3 | 2);
        for (int rest = value.length; ; rest >>>= 7) {
            if (rest < 0x80) {
                out.write(rest);
                break;
            }
            out.write(rest & 0x7f | 0x80);
        }
        out.writeBytes(value);
    }

    /** Reads a message that has nothing but length-delimited fields, each at most once. */
    public static Map<Integer, byte[]> fields(byte[] message) {
        Map<Integer, byte[]> fields = new LinkedHashMap<>();
        int at = 0;
        while (at < message.length) {
            int tag = message[at++];
            if ((tag & 7) != 2) {
                throw new IllegalArgumentException("tag " + tag + " at " + (at - 1) + " is not length-delimited");
            }
            int length = 0;
            for (int shift = 0; ; shift += 7) {
                byte b = message[at++];
                length |= (b & 0x7f) << shift;
                if (b >= 0) {
                    break;
                }
            }
            if (at + length > message.length) {
                throw new IllegalArgumentException("field " + (tag >> 3) + " is cut off");
            }
            if (fields.put(tag >> 3, Arrays.copyOfRange(message, at, at + length)) != null) {
                throw new IllegalArgumentException("field " + (tag >> 3) + " appears twice");
            }
            at += length;
        }
        return fields;
    }

    /** Returns the only value of a message that must have no other field. */
    public static byte[] only(int number, byte[] message) {
        Map<Integer, byte[]> fields = fields(message);
        if (fields.size() != 1) {
            throw new IllegalArgumentException("field " + number + " alone was expected, not " + fields.keySet());
        }
        return field(number, message);
    }

    public static byte[] field(int number, byte[] message) {
        byte[] value = fields(message).get(number);
        if (value == null) {
            throw new IllegalArgumentException("field " + number + " is missing");
        }
        return value;
    }

    /** Makes a key of the 32 bytes of RFC 8032: y, little endian, with the parity of x in the highest bit. */
    public static PublicKey key(byte[] raw) throws GeneralSecurityException {
        if (raw.length != 32) {
            throw new GeneralSecurityException("an ed25519 key has 32 bytes, not " + raw.length);
        }
        byte[] y = new byte[32];
        for (int i = 0; i < 32; i++) {
            y[i] = raw[31 - i];
        }
        boolean odd = (y[0] & 0x80) != 0;
        y[0] &= 0x7f;
        return KeyFactory.getInstance("Ed25519")
                .generatePublic(
                        new EdECPublicKeySpec(NamedParameterSpec.ED25519, new EdECPoint(odd, new BigInteger(1, y))));
    }
}
