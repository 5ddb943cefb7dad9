package dev.shepherd.callback;

import dev.shepherd.api.internal.Ed25519Point;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.HexFormat;

/** What an agent signs, and how that is checked. */
final class RequestSignature {

    /** What comes before the 32 bytes of a key in a SubjectPublicKeyInfo of Ed25519 (RFC 8410). */
    private static final byte[] KEY_PREFIX = HexFormat.of().parseHex("302a300506032b6570032100");

    /** Keeps a signature for this purpose from being one for any other. */
    private static final String PURPOSE = "shepherd-agent-v1";

    /** RFC 8032, 5.1.6. The JDK takes longer ones, and passes over the rest. */
    private static final int LENGTH = 64;

    private RequestSignature() {}

    /** Tells whether a SubjectPublicKeyInfo is of Ed25519. */
    static boolean isEd25519(byte[] encoded) {
        return encoded.length == KEY_PREFIX.length + 32
                && Arrays.equals(encoded, 0, KEY_PREFIX.length, KEY_PREFIX, 0, KEY_PREFIX.length);
    }

    /** Returns what is signed: six lines, of which the last has no end. */
    static byte[] text(String method, String path, String machineId, String time, byte[] body)
            throws GeneralSecurityException {
        String digest =
                HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(body));
        return String.join("\n", PURPOSE, method, path, machineId, time, digest).getBytes(StandardCharsets.UTF_8);
    }

    /**
     * Tells whether the holder of a key signed a text. Also false for malformed keys and signatures, and for keys that
     * verify texts which no holder signed.
     */
    static boolean isValid(byte[] key, byte[] text, byte[] signature) {
        if (signature.length != LENGTH) {
            return false;
        }
        try {
            Ed25519Point.check(key);
            byte[] encoded = new byte[KEY_PREFIX.length + key.length];
            System.arraycopy(KEY_PREFIX, 0, encoded, 0, KEY_PREFIX.length);
            System.arraycopy(key, 0, encoded, KEY_PREFIX.length, key.length);
            PublicKey publicKey = KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(encoded));
            Signature verifier = Signature.getInstance("Ed25519");
            verifier.initVerify(publicKey);
            verifier.update(text);
            return verifier.verify(signature);
        } catch (GeneralSecurityException e) {
            return false;
        }
    }
}
