package dev.shepherd.testkit.http;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.Locale;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/**
 * A certificate that signed itself, with its key, for HTTPS of {@code localhost}, {@code 127.0.0.1} and {@code ::1}. Made
 * in the process: no file, no program beside it, and a validity to the second. Immutable.
 */
public final class TestCertificate {

    private static final String LOCALHOST = "localhost";

    private static final char[] NO_PASSWORD = new char[0];

    // Tags of DER.
    private static final int INTEGER = 0x02;
    private static final int BIT_STRING = 0x03;
    private static final int OCTET_STRING = 0x04;
    private static final int UTF8_STRING = 0x0C;
    private static final int UTC_TIME = 0x17;
    private static final int GENERALIZED_TIME = 0x18;
    private static final int SEQUENCE = 0x30;
    private static final int SET = 0x31;
    private static final int VERSION = 0xA0;
    private static final int EXTENSIONS = 0xA3;
    private static final int DNS_NAME = 0x82;
    private static final int IP_ADDRESS = 0x87;

    // Whole object identifiers and constants, as they are encoded.
    private static final byte[] ECDSA_WITH_SHA256 = bytes("06082A8648CE3D040302");
    private static final byte[] COMMON_NAME = bytes("0603550403");
    private static final byte[] SUBJECT_ALTERNATIVE_NAME = bytes("0603551D11");
    private static final byte[] BASIC_CONSTRAINTS = bytes("0603551D13");
    private static final byte[] TRUE = bytes("0101FF");

    private static final Instant LAST_OF_UTC_TIME = Instant.parse("2050-01-01T00:00:00Z");

    private final X509Certificate certificate;
    private final PrivateKey key;

    private TestCertificate(X509Certificate certificate, PrivateKey key) {
        this.certificate = certificate;
        this.key = key;
    }

    /** Makes one that is valid for a day from an hour ago on. */
    public static TestCertificate create() {
        Instant now = Instant.now();
        return create(now.minus(Duration.ofHours(1)), now.plus(Duration.ofDays(1)));
    }

    /**
     * Makes one that is valid for a while, in whole seconds. Mind that the trust managers of the JDK do not look at the
     * validity of a certificate that is itself among the trusted ones.
     *
     * @throws IllegalArgumentException if it ends before it begins
     */
    public static TestCertificate create(Instant notBefore, Instant notAfter) {
        if (notAfter.isBefore(notBefore)) {
            throw new IllegalArgumentException("notAfter %s is before notBefore %s".formatted(notAfter, notBefore));
        }
        byte[] names = der(
                SEQUENCE,
                der(DNS_NAME, LOCALHOST.getBytes(StandardCharsets.US_ASCII)),
                der(IP_ADDRESS, new byte[] {127, 0, 0, 1}),
                der(IP_ADDRESS, bytes("00000000000000000000000000000001")));
        return make(LOCALHOST, names, notBefore, notAfter, null);
    }

    /**
     * Makes one that this one signs, as an authority does, for another host alone. It is valid for as long as this one.
     *
     * @param host the name of the host
     */
    public TestCertificate issue(String host) {
        return make(
                host,
                der(SEQUENCE, der(DNS_NAME, host.getBytes(StandardCharsets.US_ASCII))),
                certificate.getNotBefore().toInstant(),
                certificate.getNotAfter().toInstant(),
                key);
    }

    /** Signs by a key of {@value #LOCALHOST}; by its own if there is none. */
    private static TestCertificate make(
            String subject, byte[] names, Instant notBefore, Instant notAfter, @Nullable PrivateKey signer) {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            KeyPair pair = generator.generateKeyPair();
            byte[] content = content(pair, name(subject), names, notBefore, notAfter);
            Signature signature = Signature.getInstance("SHA256withECDSA");
            signature.initSign(signer == null ? pair.getPrivate() : signer);
            signature.update(content);
            byte[] whole = der(
                    SEQUENCE,
                    content,
                    der(SEQUENCE, ECDSA_WITH_SHA256),
                    der(BIT_STRING, new byte[1], signature.sign()));
            X509Certificate certificate = (X509Certificate)
                    CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(whole));
            return new TestCertificate(certificate, pair.getPrivate());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JDK makes no certificate", e);
        }
    }

    private static byte[] name(String common) {
        return der(
                SEQUENCE,
                der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, common.getBytes(StandardCharsets.UTF_8)))));
    }

    private static byte[] content(KeyPair pair, byte[] subject, byte[] names, Instant notBefore, Instant notAfter) {
        byte[] serial = new BigInteger(64, new SecureRandom()).setBit(62).toByteArray();
        return der(
                SEQUENCE,
                der(VERSION, der(INTEGER, new byte[] {2})),
                der(INTEGER, serial),
                der(SEQUENCE, ECDSA_WITH_SHA256),
                name(LOCALHOST),
                der(SEQUENCE, time(notBefore), time(notAfter)),
                subject,
                pair.getPublic().getEncoded(),
                der(
                        EXTENSIONS,
                        der(
                                SEQUENCE,
                                // An authority, too, so that clients other than the JDK's can take it as a root.
                                der(SEQUENCE, BASIC_CONSTRAINTS, TRUE, der(OCTET_STRING, der(SEQUENCE, TRUE))),
                                der(SEQUENCE, SUBJECT_ALTERNATIVE_NAME, der(OCTET_STRING, names)))));
    }

    private static byte[] time(Instant instant) {
        boolean isShort = instant.isBefore(LAST_OF_UTC_TIME);
        String text = DateTimeFormatter.ofPattern(isShort ? "yyMMddHHmmss'Z'" : "yyyyMMddHHmmss'Z'", Locale.ROOT)
                .format(instant.atOffset(ZoneOffset.UTC));
        return der(isShort ? UTC_TIME : GENERALIZED_TIME, text.getBytes(StandardCharsets.US_ASCII));
    }

    private static byte[] der(int tag, byte[]... parts) {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            content.writeBytes(part);
        }
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        whole.write(tag);
        int length = content.size();
        if (length < 0x80) {
            whole.write(length);
        } else if (length < 0x100) {
            whole.write(0x81);
            whole.write(length);
        } else {
            whole.write(0x82);
            whole.write(length >> 8);
            whole.write(length);
        }
        whole.writeBytes(content.toByteArray());
        return whole.toByteArray();
    }

    private static byte[] bytes(String hex) {
        return HexFormat.of().parseHex(hex);
    }

    /** Returns the certificate. */
    public X509Certificate certificate() {
        return certificate;
    }

    /** Returns the SHA-256 of the certificate in DER, as 64 lower-case hex digits. */
    public String fingerprint() {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(certificate.getEncoded());
            return HexFormat.of().formatHex(hash);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JDK has no SHA-256", e);
        }
    }

    /** Returns what a server shows it with. */
    public SSLContext serverContext() {
        try {
            KeyStore keys = emptyStore();
            keys.setKeyEntry("server", key, NO_PASSWORD, new X509Certificate[] {certificate});
            KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            managers.init(keys, NO_PASSWORD);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(managers.getKeyManagers(), null, null);
            return context;
        } catch (GeneralSecurityException | IOException e) {
            throw new IllegalStateException("this JDK cannot serve with " + certificate, e);
        }
    }

    /** Returns what a client has that trusts this certificate and no other. */
    public SSLContext clientContext() {
        try {
            KeyStore trusted = emptyStore();
            trusted.setCertificateEntry("server", certificate);
            TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            managers.init(trusted);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, managers.getTrustManagers(), null);
            return context;
        } catch (GeneralSecurityException | IOException e) {
            throw new IllegalStateException("this JDK cannot trust " + certificate, e);
        }
    }

    private static KeyStore emptyStore() throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        return store;
    }
}
