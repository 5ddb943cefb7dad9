package dev.shepherd.manager.takeover.ssh;

import dev.shepherd.api.internal.Ed25519Point;
import dev.shepherd.api.internal.Escaped;
import java.math.BigInteger;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.PublicKey;
import java.security.spec.ECFieldFp;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.EllipticCurve;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import net.schmizz.sshj.common.Buffer;

/** The public key of an SSH server (or of a client), in its wire form. Immutable. */
public final class SshPublicKey {

    private static final int MIN_RSA_BITS = 2048;

    private final String type;
    private final byte[] blob;

    private SshPublicKey(String type, byte[] blob) {
        this.type = type;
        this.blob = blob;
    }

    /** Returns the wire form of a key. */
    public static SshPublicKey of(PublicKey key) {
        byte[] blob = new Buffer.PlainBuffer().putPublicKey(key).getCompactData();
        return new SshPublicKey(typeOf(blob), blob);
    }

    /**
     * Reads a key from text.
     *
     * @throws IllegalArgumentException if it is none
     */
    public static SshPublicKey parse(String text) {
        String[] words = text.strip().split("\\s+", 3);
        if (words.length < 2) {
            throw new IllegalArgumentException("not a host key (type, base64): \"" + Escaped.text(text, 80) + "\"");
        }
        byte[] blob;
        try {
            blob = Base64.getDecoder().decode(words[1]);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("not base64 in the host key: \"" + Escaped.text(words[1], 80) + "\"", e);
        }
        String type = typeOf(blob);
        if (!type.equals(words[0])) {
            throw new IllegalArgumentException("the host key says \"%s\" and is \"%s\""
                    .formatted(Escaped.text(words[0], 80), Escaped.text(type, 80)));
        }
        SshPublicKey key = new SshPublicKey(type, blob);
        key.checkStrength();
        return key;
    }

    /**
     * Checks that only the key's holder can have proven it.
     *
     * @throws IllegalArgumentException if it is RSA of less than 2,048 bits, an ed25519 key of small order or in a form
     *     that is not canonical, an ECDSA key that is no point of its curve, or cut short
     */
    void checkStrength() {
        try {
            Buffer.PlainBuffer content = new Buffer.PlainBuffer(blob);
            content.readString();
            if (type.equals("ssh-ed25519")) {
                Ed25519Point.check(content.readBytes());
            } else if (type.equals("ssh-rsa")) {
                content.readMPInt();
                int bits = content.readMPInt().bitLength();
                if (bits < MIN_RSA_BITS) {
                    throw new IllegalArgumentException("RSA of " + bits + " bits, under " + MIN_RSA_BITS);
                }
            } else if (type.startsWith("ecdsa-sha2-nistp")) {
                checkPoint(content.readString(), content.readBytes());
            }
        } catch (Buffer.BufferException e) {
            throw new IllegalArgumentException("the key is cut short", e);
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }

    /** The JDK makes keys of points that are on no curve, or on one where signatures are easily forged. */
    private void checkPoint(String curve, byte[] encoded) throws GeneralSecurityException {
        if (!type.equals("ecdsa-sha2-" + curve)) {
            throw new IllegalArgumentException(
                    "%s on the curve %s".formatted(Escaped.text(type, 80), Escaped.text(curve, 80)));
        }
        AlgorithmParameters parameters = AlgorithmParameters.getInstance("EC");
        parameters.init(new ECGenParameterSpec(curve.replaceFirst("nistp", "secp") + "r1"));
        EllipticCurve on = parameters.getParameterSpec(ECParameterSpec.class).getCurve();
        int half = (on.getField().getFieldSize() + 7) / 8;
        if (encoded.length != 1 + 2 * half || encoded[0] != 4) {
            throw new IllegalArgumentException("it is not an uncompressed point of " + curve);
        }
        BigInteger p = ((ECFieldFp) on.getField()).getP();
        BigInteger x = new BigInteger(1, Arrays.copyOfRange(encoded, 1, 1 + half));
        BigInteger y = new BigInteger(1, Arrays.copyOfRange(encoded, 1 + half, encoded.length));
        BigInteger right = x.pow(3).add(on.getA().multiply(x)).add(on.getB()).mod(p);
        if (x.compareTo(p) >= 0
                || y.compareTo(p) >= 0
                || !y.modPow(BigInteger.TWO, p).equals(right)) {
            throw new IllegalArgumentException("it is not a point on the curve " + curve);
        }
    }

    private static String typeOf(byte[] blob) {
        try {
            return new Buffer.PlainBuffer(blob).readString();
        } catch (Buffer.BufferException e) {
            throw new IllegalArgumentException("the host key is cut short", e);
        }
    }

    /** Returns type and base64, as in OpenSSH's public key files, without a comment. */
    public String text() {
        return type + " " + Base64.getEncoder().encodeToString(blob);
    }

    /** Returns what OpenSSH shows: {@code SHA256:} and base64 without padding. */
    public String fingerprint() {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(blob);
            return "SHA256:" + Base64.getEncoder().withoutPadding().encodeToString(digest);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /** Returns the names of the algorithms that a server proves this key with. */
    List<String> algorithms() {
        return type.equals("ssh-rsa") ? List.of("rsa-sha2-512", "rsa-sha2-256") : List.of(type);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof SshPublicKey key && Arrays.equals(blob, key.blob);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(blob);
    }

    @Override
    public String toString() {
        return Escaped.text(type, 80) + " " + fingerprint();
    }
}
