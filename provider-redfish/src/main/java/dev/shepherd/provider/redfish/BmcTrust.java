package dev.shepherd.provider.redfish;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.provider.redfish.BmcReport.Trust;
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
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateFactory;
import java.security.cert.CertificateNotYetValidException;
import java.security.cert.X509Certificate;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
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
    private final Map<String, String> pins;

    private final Consumer<BmcReport.Certificate> told;

    private BmcTrust(
            @Nullable X509ExtendedTrustManager authorities,
            boolean hostNames,
            Map<String, String> pins,
            Consumer<BmcReport.Certificate> told) {
        this.authorities = authorities;
        this.hostNames = hostNames;
        this.pins = pins;
        this.told = told;
    }

    private BmcTrust(@Nullable X509ExtendedTrustManager authorities, boolean hostNames) {
        this(authorities, hostNames, new ConcurrentHashMap<>(), certificate -> {});
    }

    /** Returns one that thinks the same, and tells of each certificate that it is shown. */
    BmcTrust telling(Consumer<BmcReport.Certificate> told) {
        return new BmcTrust(authorities, hostNames, pins, told);
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
        String peer = peer(host(entry.bmc()), port(entry.bmc()));
        entry.fingerprint().ifPresentOrElse(pin -> pins.put(peer, pin), () -> pins.remove(peer));
    }

    static String host(URI uri) {
        return uri.getHost().replaceAll("[\\[\\]]", "");
    }

    static int port(URI uri) {
        return uri.getPort() < 0 ? 443 : uri.getPort();
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

    /** What the authorities think of a certificate, on a connection that they know. */
    private interface Verification {
        void by(X509ExtendedTrustManager authorities) throws CertificateException;
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
            throws CertificateException {
        check(
                chain,
                authType,
                String.valueOf(engine.getPeerHost()),
                engine.getPeerPort(),
                verifying -> verifying.checkServerTrusted(chain, authType, engine));
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
            throws CertificateException {
        if (!(socket instanceof SSLSocket secured)) {
            throw new CertificateException("only connections with TLS are verified");
        }
        SSLSession session = secured.getHandshakeSession();
        check(
                chain,
                authType,
                session.getPeerHost(),
                session.getPeerPort(),
                verifying -> verifying.checkServerTrusted(chain, authType, socket));
    }

    private void check(X509Certificate[] chain, String authType, String host, int port, Verification verification)
            throws CertificateException {
        String pin = pins.get(peer(host, port));
        String found = fingerprint(chain[0]);
        Trust trust = pin != null ? Trust.PINNED : authorities != null ? Trust.VERIFIED : Trust.UNCHECKED;
        @Nullable String refusal = null;
        @Nullable CertificateException cause = null;
        if (pin != null && !found.equals(pin)) {
            refusal = "it has the SHA-256 fingerprint " + found + ", but the list says " + pin;
        } else if (pin == null && authorities != null) {
            try {
                if (hostNames) {
                    verification.by(authorities);
                } else {
                    authorities.checkServerTrusted(chain, authType);
                }
            } catch (CertificateException e) {
                refusal = why(authorities, chain, authType, host);
                cause = e;
            }
        }
        told.accept(new BmcReport.Certificate(
                found,
                chain[0].getNotAfter().toInstant(),
                refusal == null ? trust : Trust.REFUSED,
                Optional.ofNullable(refusal)));
        if (refusal != null) {
            // What a person needs to compare it with the BMC's own page, and to pin it.
            throw new CertificateException(
                    "the certificate is not trusted: " + refusal
                            + (pin == null ? " (its SHA-256 fingerprint is " + found + ")" : ""),
                    cause);
        }
    }

    private static String why(
            X509ExtendedTrustManager authorities, X509Certificate[] chain, String authType, String host) {
        try {
            chain[0].checkValidity();
        } catch (CertificateExpiredException e) {
            return "it expired at " + chain[0].getNotAfter().toInstant();
        } catch (CertificateNotYetValidException e) {
            return "it is not valid before " + chain[0].getNotBefore().toInstant();
        }
        try {
            authorities.checkServerTrusted(chain, authType);
            return "it does not name the host " + host;
        } catch (CertificateException e) {
            return chain[0].getIssuerX500Principal().equals(chain[0].getSubjectX500Principal())
                    ? "it is signed by itself, and is none of those that are trusted"
                    : "it is signed by no authority that is trusted";
        }
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        throw new CertificateException("only connections with TLS are verified");
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
