package dev.shepherd.api.internal.settings;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.SecretFiles;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import org.jspecify.annotations.Nullable;

/** Reads a server's certificate and key from files, as most programs write them. */
public final class PemFiles {

    private static final int LARGEST = 1024 * 1024;
    private static final Pattern KEY =
            Pattern.compile("-----BEGIN PRIVATE KEY-----\\s*([A-Za-z0-9+/=\\s]+)-----END PRIVATE KEY-----");
    private static final Pattern CERTIFICATE =
            Pattern.compile("-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\\s]+-----END CERTIFICATE-----");

    private PemFiles() {}

    /**
     * A key and its certificate.
     *
     * @param chain the certificate, then those that vouch for it, if they are there
     * @param key the private key
     */
    public record Pair(List<X509Certificate> chain, PrivateKey key) {

        /** Copies the chain, which has at least one certificate. */
        public Pair {
            chain = List.copyOf(chain);
        }

        /** Returns the certificate itself. */
        public X509Certificate certificate() {
            return chain.get(0);
        }

        /**
         * Makes what a server needs to speak TLS.
         *
         * @param clients decides on the certificates of clients; null to trust those that Java trusts
         * @throws GeneralSecurityException if this Java has no use for such a key
         */
        public SSLContext serverContext(@Nullable TrustManager clients) throws GeneralSecurityException {
            KeyStore store = KeyStore.getInstance("PKCS12");
            try {
                store.load(null, null);
            } catch (IOException e) {
                throw new IllegalStateException("nothing is read here", e);
            }
            store.setKeyEntry("server", key, new char[0], chain.toArray(Certificate[]::new));
            KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            managers.init(store, new char[0]);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(managers.getKeyManagers(), clients == null ? null : new TrustManager[] {clients}, null);
            return context;
        }

        /** Hides the key. */
        @Override
        public String toString() {
            return "Pair{" + certificate().getSubjectX500Principal() + "}";
        }
    }

    /**
     * Makes what a server needs to speak TLS.
     *
     * @param certificateSetting the setting that names the certificate, for errors
     * @param certificate the certificate chain as PEM, the server's own first
     * @param keySetting the setting that names the key, for errors
     * @param key the private key as PEM: PKCS #8, not encrypted, RSA, EC or Ed25519; readable by its owner alone
     * @throws ConfigurationException if a file cannot be used; the message says why and what to do, and shows nothing
     *     of the key
     */
    public static SSLContext serverContext(String certificateSetting, Path certificate, String keySetting, Path key) {
        Pair pair = pair(certificateSetting, certificate, keySetting, key);
        try {
            return pair.serverContext(null);
        } catch (GeneralSecurityException e) {
            throw new ConfigurationException(
                    keySetting,
                    keySetting + ": " + key + " and " + certificate + " cannot be used: " + Escaped.text(e),
                    e);
        }
    }

    /**
     * Reads a certificate and its key. Both may be in one file.
     *
     * @param certificateSetting the setting that names the certificate, for errors
     * @param certificate the certificate chain as PEM, the server's own first
     * @param keySetting the setting that names the key, for errors
     * @param key the private key as PEM: PKCS #8, not encrypted, RSA, EC or Ed25519; readable by its owner alone
     * @throws ConfigurationException if a file cannot be used; the message says why and what to do, and shows nothing
     *     of the key
     */
    public static Pair pair(String certificateSetting, Path certificate, String keySetting, Path key) {
        List<X509Certificate> chain = certificates(certificateSetting, certificate);
        PrivateKey privateKey = key(keySetting, key);
        if (!isPair(chain.get(0).getPublicKey(), privateKey)) {
            throw new ConfigurationException(
                    keySetting, keySetting + ": " + key + " is not the key of the first certificate of " + certificate);
        }
        return new Pair(chain, privateKey);
    }

    /** Java itself would find out at the first connection only, and tell the client nothing but that there is no cipher. */
    private static boolean isPair(PublicKey publicKey, PrivateKey privateKey) {
        String algorithm = switch (privateKey.getAlgorithm()) {
            case "RSA" -> "SHA256withRSA";
            case "EC" -> "SHA256withECDSA";
            default -> "Ed25519";
        };
        byte[] content = "a server's key".getBytes(StandardCharsets.US_ASCII);
        try {
            Signature signature = Signature.getInstance(algorithm);
            signature.initSign(privateKey);
            signature.update(content);
            byte[] signed = signature.sign();
            signature.initVerify(publicKey);
            signature.update(content);
            return signature.verify(signed);
        } catch (GeneralSecurityException e) {
            // Keys of two kinds.
            return false;
        }
    }

    private static List<X509Certificate> certificates(String setting, Path file) {
        List<X509Certificate> read = new ArrayList<>();
        try {
            if (Files.size(file) > LARGEST) {
                throw new ConfigurationException(setting, setting + ": " + file + " is larger than 1 MiB");
            }
            String text = Files.readString(file, StandardCharsets.ISO_8859_1);
            CertificateFactory factory = CertificateFactory.getInstance("X.509");
            for (Matcher block = CERTIFICATE.matcher(text); block.find(); ) {
                byte[] bytes = block.group().getBytes(StandardCharsets.US_ASCII);
                read.add((X509Certificate) factory.generateCertificate(new ByteArrayInputStream(bytes)));
            }
        } catch (IOException | GeneralSecurityException e) {
            throw new ConfigurationException(
                    setting, setting + ": " + file + " cannot be read as certificates (PEM): " + Escaped.text(e), e);
        }
        if (read.isEmpty()) {
            throw new ConfigurationException(setting, setting + ": " + file + " has no certificate (PEM)");
        }
        return read;
    }

    private static PrivateKey key(String setting, Path file) {
        String text;
        try {
            if (SecretFiles.openPermissions(file).isPresent()) {
                throw new ConfigurationException(
                        setting, setting + ": " + file + " is open to others than its owner; run: chmod 600 " + file);
            }
            if (Files.size(file) > LARGEST) {
                throw new ConfigurationException(setting, setting + ": " + file + " is larger than 1 MiB");
            }
            text = Files.readString(file, StandardCharsets.US_ASCII);
        } catch (IOException e) {
            throw new ConfigurationException(setting, setting + ": " + file + " cannot be read: " + Escaped.text(e), e);
        }
        Matcher pem = KEY.matcher(text);
        if (!pem.find()) {
            throw new ConfigurationException(
                    setting,
                    setting + ": " + file + " has no key of the form PKCS #8, without a passphrase; convert it:"
                            + " openssl pkcs8 -topk8 -nocrypt -in " + file + " -out NEW");
        }
        PKCS8EncodedKeySpec spec;
        try {
            spec = new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(pem.group(1)));
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException(
                    setting, setting + ": " + file + " is cut off or damaged: its Base64 is wrong");
        }
        for (String algorithm : List.of("RSA", "EC", "Ed25519")) {
            try {
                return KeyFactory.getInstance(algorithm).generatePrivate(spec);
            } catch (InvalidKeySpecException e) {
                // It may be of another kind.
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException("every Java has " + algorithm, e);
            }
        }
        throw new ConfigurationException(setting, setting + ": " + file + " is no RSA, EC or Ed25519 key");
    }
}
