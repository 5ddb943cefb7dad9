package dev.shepherd.callback.tls;

import dev.shepherd.agent.messages.internal.certificates.CertificateWriter;
import dev.shepherd.agent.messages.internal.certificates.Der;
import dev.shepherd.api.internal.settings.PemFiles.Pair;
import java.math.BigInteger;
import java.net.IDN;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * Makes certificates (X.509, RFC 5280): one of an authority, and those of servers that it vouches for.
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
        byte[] name =
                CertificateWriter.name("Shepherd agents CA " + HexFormat.of().formatHex(random));
        X509Certificate certificate = CertificateWriter.sign(
                name,
                keys.getPrivate(),
                name,
                keys.getPublic(),
                now.minus(BACKDATED),
                now.plus(validity),
                List.of(
                        CertificateWriter.critical("2.5.29.19", Der.sequence(Der.yes(), Der.integer(BigInteger.ZERO))),
                        CertificateWriter.critical("2.5.29.15", Der.bits(1, (byte) 0x06)), // keyCertSign, cRLSign
                        CertificateWriter.extension(SUBJECT_KEY_ID, Der.octets(id(keys.getPublic())))));
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
                CertificateWriter.critical("2.5.29.15", Der.bits(7, (byte) 0x80)), // digitalSignature
                CertificateWriter.extension("2.5.29.37", Der.sequence(Der.oid("1.3.6.1.5.5.7.3.1"))), // serverAuth
                CertificateWriter.extension(
                        "2.5.29.17",
                        Der.sequence(
                                names.stream().map(Certificates::generalName).toArray(byte[][]::new))),
                CertificateWriter.extension(SUBJECT_KEY_ID, Der.octets(id(keys.getPublic())))));
        byte[] authorityId = by.getExtensionValue(SUBJECT_KEY_ID);
        if (authorityId != null && authorityId.length > 4) {
            // It is an octet string within an octet string, both short.
            byte[] id = Arrays.copyOfRange(authorityId, 4, authorityId.length);
            extensions.add(CertificateWriter.extension("2.5.29.35", Der.sequence(Der.tagged(0x80, id))));
        }
        X509Certificate certificate = CertificateWriter.sign(
                by.getSubjectX500Principal().getEncoded(),
                authority.key(),
                CertificateWriter.name("Shepherd agent endpoint"),
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

    private static byte[] generalName(String name) {
        byte[] address = IpLiteral.bytes(name);
        return address != null
                ? Der.tagged(0x87, address)
                : Der.tagged(0x82, IDN.toASCII(name, IDN.ALLOW_UNASSIGNED).getBytes(StandardCharsets.US_ASCII));
    }
}
