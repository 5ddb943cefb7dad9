package dev.shepherd.api.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class Ed25519PointTest {

    private static final BigInteger P = BigInteger.TWO.pow(255).subtract(BigInteger.valueOf(19));

    private static final BigInteger D = BigInteger.valueOf(-121665)
            .multiply(BigInteger.valueOf(121666).modInverse(P))
            .mod(P);

    @Test
    void keysThatTheJdkMakesAreFine() throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("Ed25519");
        for (int i = 0; i < 50; i++) {
            byte[] encoded = generator.generateKeyPair().getPublic().getEncoded();
            byte[] point = Arrays.copyOfRange(encoded, encoded.length - 32, encoded.length);

            assertThatCode(() -> Ed25519Point.check(point)).doesNotThrowAnyException();
        }
    }

    @Test
    void theKeysOfTheStandardAreFine() throws Exception {
        // RFC 8032, 7.1.
        for (String key : List.of(
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")) {
            Ed25519Point.check(HexFormat.of().parseHex(key));
        }
    }

    @Test
    void otherLengthsAreRefused() {
        for (int length : new int[] {0, 1, 31, 33, 64}) {
            assertRefused(new byte[length], length + " bytes");
        }
    }

    @Test
    void halfOfAllNumbersAreNoPoints() {
        Random random = new Random(8032);
        int refused = 0;
        for (int i = 0; i < 200; i++) {
            byte[] key = new byte[32];
            random.nextBytes(key);
            try {
                Ed25519Point.check(key);
            } catch (GeneralSecurityException e) {
                refused++;
            }
        }
        assertThat(refused).isBetween(60, 140);
    }

    @Test
    void pointsOfSmallOrderAreRefusedInAllTheirForms() {
        List<BigInteger> ys = new ArrayList<>(List.of(BigInteger.ZERO, BigInteger.ONE, P.subtract(BigInteger.ONE)));
        ys.addAll(ysOfOrderEight());
        assertThat(ys).hasSize(5);
        for (BigInteger y : ys) {
            for (int sign = 0; sign < 2; sign++) {
                assertRefused(encode(y, sign), "small order");
                if (y.add(P).bitLength() <= 255) {
                    assertRefused(encode(y.add(P), sign), "canonical");
                }
            }
        }
    }

    @Test
    void numbersBeyondTheFieldAreRefused() {
        byte[] ones = new byte[32];
        Arrays.fill(ones, (byte) 0xff);
        assertRefused(ones, "canonical");
        assertRefused(encode(P.add(BigInteger.valueOf(3)), 0), "canonical");
    }

    /**
     * Points whose double has y = 0. Doubling (x, y) gives (y² + x²) / (1 - d x² y²), so x² = -y², and in the curve's
     * equation, -x² + y² = 1 + d x² y², that makes y² = (-1 ± √(1 + d)) / d.
     */
    private static List<BigInteger> ysOfOrderEight() {
        List<BigInteger> ys = new ArrayList<>();
        BigInteger root = squareRoot(BigInteger.ONE.add(D));
        for (BigInteger signed : List.of(root, root.negate())) {
            BigInteger square =
                    signed.subtract(BigInteger.ONE).multiply(D.modInverse(P)).mod(P);
            BigInteger y = squareRoot(square);
            if (y.multiply(y).mod(P).equals(square)) {
                ys.add(y);
                ys.add(P.subtract(y));
            }
        }
        return ys;
    }

    /** A square root modulo p, which is 5 modulo 8; something else if there is none. */
    private static BigInteger squareRoot(BigInteger square) {
        BigInteger value = square.mod(P);
        BigInteger root = value.modPow(P.add(BigInteger.valueOf(3)).shiftRight(3), P);
        if (root.multiply(root).mod(P).equals(value)) {
            return root;
        }
        BigInteger rootOfMinusOne =
                BigInteger.TWO.modPow(P.subtract(BigInteger.ONE).shiftRight(2), P);
        return root.multiply(rootOfMinusOne).mod(P);
    }

    private static byte[] encode(BigInteger y, int sign) {
        byte[] bytes = new byte[32];
        byte[] bigEndian = y.toByteArray();
        for (int i = 0; i < bigEndian.length && i < 32; i++) {
            bytes[i] = bigEndian[bigEndian.length - 1 - i];
        }
        bytes[31] |= (byte) (sign << 7);
        return bytes;
    }

    private static void assertRefused(byte[] key, String why) {
        assertThatExceptionOfType(GeneralSecurityException.class)
                .as(HexFormat.of().formatHex(key))
                .isThrownBy(() -> Ed25519Point.check(key))
                .withMessageContaining(why);
    }
}
