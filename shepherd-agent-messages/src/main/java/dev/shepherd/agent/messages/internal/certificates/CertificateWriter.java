package dev.shepherd.agent.messages.internal.certificates;

import java.io.ByteArrayInputStream;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;

/** Writes and signs certificates (RFC 5280). Safe for use by several threads. */
public final class CertificateWriter {

    /** Of a certificate that has no well-defined end (RFC 5280, 4.1.2.5). */
    private static final Instant NO_END = Instant.parse("9999-12-31T23:59:59Z");

    private static final Instant NO_BEGINNING = Instant.parse("2000-01-01T00:00:00Z");

    private static final SecureRandom RANDOM = new SecureRandom();

    private CertificateWriter() {}

    /**
     * Makes a client's own certificate, that says no more than its key. It is valid at any time: the clocks of client and
     * server may differ by whatever they do.
     */
    public static X509Certificate ofClient(String commonName, KeyPair keys) throws GeneralSecurityException {
        byte[] name = name(commonName);
        return sign(
                name,
                keys.getPrivate(),
                name,
                keys.getPublic(),
                NO_BEGINNING,
                NO_END,
                List.of(
                        critical("2.5.29.15", Der.bits(7, (byte) 0x80)), // digitalSignature
                        extension("2.5.29.37", Der.sequence(Der.oid("1.3.6.1.5.5.7.3.2"))))); // clientAuth
    }

    /** Returns a distinguished name. */
    public static byte[] name(String commonName) {
        return Der.sequence(Der.set(Der.sequence(Der.oid("2.5.4.3"), Der.utf8(commonName))));
    }

    /** Returns an extension that whoever does not know it must not pass over. */
    public static byte[] critical(String oid, byte[] value) {
        return Der.sequence(Der.oid(oid), Der.yes(), Der.octets(value));
    }

    /** Returns an extension. */
    public static byte[] extension(String oid, byte[] value) {
        return Der.sequence(Der.oid(oid), Der.octets(value));
    }

    /**
     * Makes a certificate.
     *
     * @param issuer the distinguished name of the one that signs
     * @param by the key that signs: EC, RSA or Ed25519
     * @param subject the distinguished name of the one that has the key
     */
    public static X509Certificate sign(
            byte[] issuer,
            PrivateKey by,
            byte[] subject,
            PublicKey key,
            Instant from,
            Instant until,
            List<byte[]> extensions)
            throws GeneralSecurityException {
        String algorithm;
        byte[] algorithmId;
        switch (by.getAlgorithm()) {
            case "EC" -> {
                algorithm = "SHA256withECDSA";
                algorithmId = Der.sequence(Der.oid("1.2.840.10045.4.3.2"));
            }
            case "RSA" -> {
                algorithm = "SHA256withRSA";
                algorithmId = Der.sequence(Der.oid("1.2.840.113549.1.1.11"), Der.tagged(0x05));
            }
            default -> {
                algorithm = "Ed25519";
                algorithmId = Der.sequence(Der.oid("1.3.101.112"));
            }
        }
        byte[] content = Der.sequence(
                Der.tagged(0xa0, Der.integer(BigInteger.TWO)), // version 3
                Der.integer(new BigInteger(127, RANDOM).setBit(126)),
                algorithmId,
                issuer,
                Der.sequence(
                        Der.time(from.truncatedTo(ChronoUnit.SECONDS)),
                        Der.time(until.truncatedTo(ChronoUnit.SECONDS))),
                subject,
                key.getEncoded(),
                Der.tagged(0xa3, Der.sequence(extensions.toArray(byte[][]::new))));
        Signature signature = Signature.getInstance(algorithm);
        signature.initSign(by);
        signature.update(content);
        byte[] encoded = Der.sequence(content, algorithmId, Der.bits(0, signature.sign()));
        return (X509Certificate)
                CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(encoded));
    }
}
