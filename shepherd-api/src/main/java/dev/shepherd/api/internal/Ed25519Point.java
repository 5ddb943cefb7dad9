package dev.shepherd.api.internal;

import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.EdECPoint;
import java.security.spec.EdECPublicKeySpec;
import java.security.spec.NamedParameterSpec;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Set;

/** Public keys of ed25519 in their wire form: 32 bytes, y little-endian, the sign of x in the last bit. */
public final class Ed25519Point {

    public static final int LENGTH = 32;

    private static final BigInteger P = BigInteger.TWO.pow(255).subtract(BigInteger.valueOf(19));

    /**
     * The y of the eight points of small order. Keys like these verify signatures that no holder made; a peer has one
     * only if it is broken or malicious. The first is also what an array of zeros decodes to.
     */
    private static final Set<BigInteger> Y_OF_SMALL_ORDER = Set.of(
            BigInteger.ZERO,
            BigInteger.ONE,
            P.subtract(BigInteger.ONE),
            littleEndian(HexFormat.of().parseHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")),
            littleEndian(HexFormat.of().parseHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")));

    private Ed25519Point() {}

    /**
     * Checks that a key is one that an agent can have made.
     *
     * @throws GeneralSecurityException if it is not; the message says why
     */
    public static void check(byte[] key) throws GeneralSecurityException {
        if (key.length != LENGTH) {
            throw new GeneralSecurityException("it has " + key.length + " bytes instead of " + LENGTH);
        }
        byte[] bytes = key.clone();
        boolean xOdd = (bytes[LENGTH - 1] & 0x80) != 0;
        bytes[LENGTH - 1] &= 0x7f;
        BigInteger y = littleEndian(bytes);
        if (y.compareTo(P) >= 0) {
            throw new GeneralSecurityException("it is not in canonical form");
        }
        if (Y_OF_SMALL_ORDER.contains(y)) {
            throw new GeneralSecurityException("it is a point of small order");
        }
        PublicKey decoded = KeyFactory.getInstance("Ed25519")
                .generatePublic(new EdECPublicKeySpec(NamedParameterSpec.ED25519, new EdECPoint(xOdd, y)));
        try {
            // The JDK decodes the point no earlier than here.
            Signature.getInstance("Ed25519").initVerify(decoded);
        } catch (GeneralSecurityException e) {
            throw new GeneralSecurityException("it is not a point on the curve", e);
        }
    }

    private static BigInteger littleEndian(byte[] bytes) {
        byte[] reversed = Arrays.copyOf(bytes, bytes.length);
        for (int i = 0; i < bytes.length; i++) {
            reversed[i] = bytes[bytes.length - 1 - i];
        }
        return new BigInteger(1, reversed);
    }
}
