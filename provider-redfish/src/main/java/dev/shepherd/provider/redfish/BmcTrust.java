package dev.shepherd.provider.redfish;

import dev.shepherd.api.ConfigurationException;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;

/**
 * Decides which BMCs are trusted, for the one client that all of them share. A BMC with a pinned fingerprint must have
 * that certificate, whatever else is in it: its name, its dates, its signer. The others are verified by authorities, or
 * not at all. Safe for use by several threads.
 */
final class BmcTrust extends X509ExtendedTrustManager {

    private final @Nullable X509ExtendedTrustManager authorities;
    private final boolean hostNames;

    /** The fingerprints, by host and port. */
    private final Map<String, String> pins = new ConcurrentHashMap<>();

    private BmcTrust(@Nullable X509ExtendedTrustManager authorities, boolean hostNames) {
        this.authorities = authorities;
        this.hostNames = hostNames;
    }

    /**
     * Makes what verifies by authorities.
     *
     * @param file a file of their certificates (PEM), or null for those of the JVM
     * @param hostNames whether a certificate must name the host of the BMC
     * @throws ConfigurationException if the file cannot be used
     */
    static BmcTrust of(@Nullable Path file, boolean hostNames) {
        try {
            TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            factory.init(file == null ? null : store(file));
            for (TrustManager manager : factory.getTrustManagers()) {
                if (manager instanceof X509ExtendedTrustManager extended) {
                    return new BmcTrust(extended, hostNames);
                }
            }
            throw new IllegalStateException("the JVM has no trust manager for X.509");
        } catch (GeneralSecurityException | IOException e) {
            throw new ConfigurationException(
                    RedfishProviderFactory.CA,
                    "the certificates in " + (file == null ? "the JVM" : file) + " cannot be used: " + e,
                    e);
        }
    }

    /** Makes what verifies only those BMCs whose fingerprint is pinned. */
    static BmcTrust none() {
        return new BmcTrust(null, false);
    }

    private static KeyStore store(Path file) throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        int count = 0;
        try (InputStream in = Files.newInputStream(file)) {
            for (Certificate certificate :
                    CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                store.setCertificateEntry("ca-" + count++, certificate);
            }
        }
        if (count == 0) {
            throw new CertificateException("there is no certificate in it");
        }
        return store;
    }

    /** Makes the context of a client. */
    SSLContext context() {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[] {this}, null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("the JVM has no TLS", e);
        }
    }

    /** Takes note of what an entry pins. It holds for connections from now on. */
    void pin(BmcEntry entry) {
        int port = entry.bmc().getPort() < 0 ? 443 : entry.bmc().getPort();
        String peer = peer(host(entry.bmc()), port);
        entry.fingerprint().ifPresentOrElse(pin -> pins.put(peer, pin), () -> pins.remove(peer));
    }

    private static String host(URI uri) {
        return uri.getHost().replaceAll("[\\[\\]]", "");
    }

    private static String peer(String host, int port) {
        return host.toLowerCase(Locale.ROOT) + " " + port;
    }

    static String fingerprint(X509Certificate certificate) throws CertificateException {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(certificate.getEncoded());
            return HexFormat.of().formatHex(hash);
        } catch (GeneralSecurityException e) {
            throw new CertificateException("the JVM cannot hash a certificate", e);
        }
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
            throws CertificateException {
        String pin = pins.get(peer(String.valueOf(engine.getPeerHost()), engine.getPeerPort()));
        if (pin != null) {
            String found = fingerprint(chain[0]);
            if (!found.equals(pin)) {
                throw new CertificateException(
                        "the certificate has the SHA-256 fingerprint " + found + ", but the list says " + pin);
            }
            return;
        }
        X509ExtendedTrustManager verifying = authorities;
        if (verifying == null) {
            return;
        }
        try {
            if (hostNames) {
                verifying.checkServerTrusted(chain, authType, engine);
            } else {
                verifying.checkServerTrusted(chain, authType);
            }
        } catch (CertificateException e) {
            // What a person needs to compare it with the BMC's own page, and to pin it.
            throw new CertificateException(
                    e.getMessage() + " (its SHA-256 fingerprint is " + fingerprint(chain[0]) + ")", e);
        }
    }

    /** Not called: the client makes its connections with engines. */
    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
            throws CertificateException {
        throw new CertificateException("only connections with an engine are verified");
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        throw new CertificateException("only connections with an engine are verified");
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
            throws CertificateException {
        throw new CertificateException("there are no clients here");
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
            throws CertificateException {
        throw new CertificateException("there are no clients here");
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        throw new CertificateException("there are no clients here");
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
        return new X509Certificate[0];
    }
}
