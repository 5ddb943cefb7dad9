package dev.shepherd.callback.tls;

import dev.shepherd.api.internal.settings.PemFiles.Pair;
import java.io.ByteArrayInputStream;
import java.math.BigInteger;
import java.net.IDN;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * Makes certificates (X.509, RFC 5280): one of an authority, and those of servers that it vouches for. The JDK signs
 * and reads them, but has no way to write one.
 */
final class Certificates {

    /** Clocks of agents that are behind by less than this accept a certificate that was just made. */
    private static final Duration BACKDATED = Duration.ofDays(1);

    private static final SecureRandom RANDOM = new SecureRandom();

    private static final String SUBJECT_KEY_ID = "2.5.29.14";

    private Certificates() {}

    /** Makes a key and the certificate of an authority that vouches for servers only, not for other authorities. */
    static Pair authority(Instant now, Duration validity) throws GeneralSecurityException {
        KeyPair keys = newKeys();
        byte[] random = new byte[4];
        RANDOM.nextBytes(random);
        byte[] name = name("Shepherd agents CA " + HexFormat.of().formatHex(random));
        X509Certificate certificate = sign(
                name,
                keys.getPrivate(),
                name,
                keys.getPublic(),
                now.minus(BACKDATED),
                now.plus(validity),
                List.of(
                        critical("2.5.29.19", Der.sequence(Der.yes(), Der.integer(BigInteger.ZERO))),
                        critical("2.5.29.15", Der.bits(1, (byte) 0x06)), // keyCertSign, cRLSign
                        extension(SUBJECT_KEY_ID, Der.octets(id(keys.getPublic())))));
        return new Pair(List.of(certificate), keys.getPrivate());
    }

    /**
     * Makes a key and the certificate of a server, which ends no later than that of its authority.
     *
     * @param names host names and IP addresses, at least one
     */
    static Pair server(Pair authority, List<String> names, Instant now, Duration validity)
            throws GeneralSecurityException {
        KeyPair keys = newKeys();
        X509Certificate by = authority.certificate();
        Instant from = latest(now.minus(BACKDATED), by.getNotBefore().toInstant());
        Instant until = now.plus(validity);
        Instant end = by.getNotAfter().toInstant();
        List<byte[]> extensions = new ArrayList<>(List.of(
                critical("2.5.29.15", Der.bits(7, (byte) 0x80)), // digitalSignature
                extension("2.5.29.37", Der.sequence(Der.oid("1.3.6.1.5.5.7.3.1"))), // serverAuth
                extension(
                        "2.5.29.17",
                        Der.sequence(
                                names.stream().map(Certificates::generalName).toArray(byte[][]::new))),
                extension(SUBJECT_KEY_ID, Der.octets(id(keys.getPublic())))));
        byte[] authorityId = by.getExtensionValue(SUBJECT_KEY_ID);
        if (authorityId != null && authorityId.length > 4) {
            // It is an octet string within an octet string, both short.
            byte[] id = Arrays.copyOfRange(authorityId, 4, authorityId.length);
            extensions.add(extension("2.5.29.35", Der.sequence(Der.tagged(0x80, id))));
        }
        X509Certificate certificate = sign(
                by.getSubjectX500Principal().getEncoded(),
                authority.key(),
                name("Shepherd agent endpoint"),
                keys.getPublic(),
                from,
                until.isBefore(end) ? until : end,
                extensions);
        List<X509Certificate> chain = new ArrayList<>(List.of(certificate));
        chain.addAll(authority.chain());
        return new Pair(chain, keys.getPrivate());
    }

    private static Instant latest(Instant one, Instant other) {
        return one.isAfter(other) ? one : other;
    }

    /** P-256, which every implementation of TLS has known for long. */
    private static KeyPair newKeys() throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        return generator.generateKeyPair();
    }

    private static byte[] id(PublicKey key) throws GeneralSecurityException {
        // RFC 7093, method 4 for the whole key's encoding, cut to the usual length.
        return Arrays.copyOf(MessageDigest.getInstance("SHA-256").digest(key.getEncoded()), 20);
    }

    private static byte[] name(String commonName) {
        return Der.sequence(Der.set(Der.sequence(Der.oid("2.5.4.3"), Der.utf8(commonName))));
    }

    private static byte[] critical(String oid, byte[] value) {
        return Der.sequence(Der.oid(oid), Der.yes(), Der.octets(value));
    }

    private static byte[] extension(String oid, byte[] value) {
        return Der.sequence(Der.oid(oid), Der.octets(value));
    }

    private static byte[] generalName(String name) {
        byte[] address = IpLiteral.bytes(name);
        return address != null
                ? Der.tagged(0x87, address)
                : Der.tagged(0x82, IDN.toASCII(name, IDN.ALLOW_UNASSIGNED).getBytes(StandardCharsets.US_ASCII));
    }

    private static X509Certificate sign(
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
