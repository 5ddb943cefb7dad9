package dev.shepherd.benchmarks.wire;

import dev.shepherd.agent.messages.internal.certificates.CertificateWriter;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyStore;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.Stream;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedKeyManager;
import org.jspecify.annotations.Nullable;

/**
 * The TLS of many agents, each with a certificate of its own or none, that share what they trust. Safe for use by several
 * threads.
 */
public final class ClientTls {

    private record Shown(X509Certificate certificate, PrivateKey key) {}

    private final Map<String, Shown> shown = new ConcurrentHashMap<>();
    private final SSLContext context;

    /** Trusts one authority, whose certificate is in DER. */
    public ClientTls(byte[] authority) throws GeneralSecurityException, IOException {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry(
                "authority",
                CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(authority)));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        context = SSLContext.getInstance("TLS");
        context.init(new KeyManager[] {new Keys()}, trust.getTrustManagers(), null);
    }

    /** Returns what makes the engines of an agent: with a certificate of these keys, or with none. */
    public Supplier<SSLEngine> of(String name, @Nullable KeyPair keys) throws GeneralSecurityException {
        if (keys != null) {
            shown.put(name, new Shown(CertificateWriter.ofClient("Shepherd agent", keys), keys.getPrivate()));
        }
        // The peer's name is not looked at otherwise: it tells the agents apart.
        return () -> {
            SSLEngine engine = context.createSSLEngine(name, 0);
            engine.setUseClientMode(true);
            return engine;
        };
    }

    private final class Keys extends X509ExtendedKeyManager {

        private static final Set<String> TYPES = Set.of("EdDSA", "Ed25519");

        @Override
        public @Nullable String chooseEngineClientAlias(
                String[] types, Principal @Nullable [] issuers, SSLEngine engine) {
            String name = engine.getPeerHost();
            return Stream.of(types).anyMatch(TYPES::contains) && shown.containsKey(name) ? name : null;
        }

        @Override
        public X509Certificate @Nullable [] getCertificateChain(String name) {
            Shown one = shown.get(name);
            return one == null ? null : new X509Certificate[] {one.certificate()};
        }

        @Override
        public @Nullable PrivateKey getPrivateKey(String name) {
            Shown one = shown.get(name);
            return one == null ? null : one.key();
        }

        @Override
        public String @Nullable [] getClientAliases(String type, Principal @Nullable [] issuers) {
            return null;
        }

        @Override
        public @Nullable String chooseClientAlias(
                String[] types, Principal @Nullable [] issuers, @Nullable Socket socket) {
            return null;
        }

        @Override
        public String @Nullable [] getServerAliases(String type, Principal @Nullable [] issuers) {
            return null;
        }

        @Override
        public @Nullable String chooseServerAlias(
                String type, Principal @Nullable [] issuers, @Nullable Socket socket) {
            return null;
        }
    }
}
