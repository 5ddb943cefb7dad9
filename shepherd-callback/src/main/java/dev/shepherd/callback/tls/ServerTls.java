package dev.shepherd.callback.tls;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.settings.PemFiles;
import dev.shepherd.api.internal.settings.PemFiles.Pair;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSessionContext;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a server speaks TLS with at the moment. A client may show a certificate. Any is taken, once the client has
 * proved that it has the key: what is believed of it is decided later, where the client can be told why not, which
 * JSSE cannot (a server's only alert on certificates is {@code certificate_unknown}).
 *
 * <p>{@link #look()} renews what was made here, and takes up files that were replaced, for new connections. Safe for
 * use by several threads.
 */
public final class ServerTls {

    /** How long a certificate that is made here is valid. It is renewed when a third of that is left. */
    public static final Duration VALIDITY = Duration.ofDays(90);

    private static final Logger log = LoggerFactory.getLogger(ServerTls.class);

    private static final Duration SOON = Duration.ofDays(14);
    private static final int MOST_SESSIONS = 20_480;
    private static final int SESSION_SECONDS = 3600;
    private static final String[] PROTOCOLS = {"TLSv1.3", "TLSv1.2"};

    private final Source source;
    private final Clock clock;
    private volatile Current current;

    private record Current(SSLContext context, X509Certificate certificate) {}

    /** Where certificates come from. */
    private interface Source {
        Pair first() throws GeneralSecurityException;

        /** Returns another one if it is time for it. */
        @Nullable
        Pair next(X509Certificate current) throws GeneralSecurityException;
    }

    private ServerTls(Source source, Clock clock) {
        this.source = source;
        this.clock = clock;
        try {
            current = use(source.first());
        } catch (GeneralSecurityException e) {
            throw new ConfigurationException("tls", "TLS cannot be set up: " + Escaped.text(e), e);
        }
    }

    /**
     * Takes the certificate from files.
     *
     * @throws ConfigurationException if they cannot be used
     */
    public static ServerTls ofFiles(
            String certificateSetting, Path certificate, String keySetting, Path key, Clock clock) {
        return new ServerTls(new InFiles(certificateSetting, certificate, keySetting, key), clock);
    }

    /**
     * Makes certificates.
     *
     * @param authority who vouches for them
     * @param names what they are for: host names and IP addresses, at least one
     */
    public static ServerTls ofAuthority(Pair authority, List<String> names, Clock clock) {
        return new ServerTls(new Made(authority, List.copyOf(names), clock), clock);
    }

    /**
     * Reads the authority of a folder, and makes it if there is none.
     *
     * @param setting the setting that names the folder, for errors
     * @throws ConfigurationException if it cannot be read or made
     */
    public static Pair authority(String setting, Path folder, Clock clock) {
        return Authority.inFolder(setting, folder, clock.instant());
    }

    private Current use(Pair pair) throws GeneralSecurityException {
        SSLContext context = pair.serverContext(new AnyCertificate());
        SSLSessionContext sessions = context.getServerSessionContext();
        sessions.setSessionCacheSize(MOST_SESSIONS);
        sessions.setSessionTimeout(SESSION_SECONDS);
        Instant end = pair.certificate().getNotAfter().toInstant();
        Duration left = Duration.between(clock.instant(), end);
        if (left.isNegative()) {
            log.warn("The certificate of the agents' endpoint ended on {}: agents refuse it", end);
        } else if (left.compareTo(SOON) < 0) {
            log.warn("The certificate of the agents' endpoint ends on {}: agents refuse it from then on", end);
        }
        return new Current(context, pair.certificate());
    }

    /**
     * Makes the server's side of a connection.
     *
     * @param protocols what clients may agree on by ALPN; if empty, they are not asked
     */
    public SSLEngine engine(List<String> protocols) {
        SSLEngine engine = current.context().createSSLEngine();
        engine.setUseClientMode(false);
        engine.setEnabledProtocols(PROTOCOLS);
        engine.setWantClientAuth(true);
        if (!protocols.isEmpty()) {
            SSLParameters parameters = engine.getSSLParameters();
            parameters.setApplicationProtocols(protocols.toArray(String[]::new));
            engine.setSSLParameters(parameters);
        }
        return engine;
    }

    /** Returns the certificate that new connections are shown. */
    public X509Certificate certificate() {
        return current.certificate();
    }

    /** Looks whether it is time for another certificate. What goes wrong is logged; the one before stays. */
    public void look() {
        try {
            Pair next = source.next(current.certificate());
            if (next != null) {
                current = use(next);
                log.info(
                        "The agents' endpoint has a new certificate, valid until {}",
                        next.certificate().getNotAfter().toInstant());
            }
        } catch (GeneralSecurityException | ConfigurationException e) {
            log.warn(
                    "The agents' endpoint keeps its certificate. The new one cannot be used: {}",
                    e instanceof ConfigurationException ? e.getMessage() : Escaped.text(e));
        }
    }

    private static final class Made implements Source {
        private final Pair authority;
        private final List<String> names;
        private final Clock clock;
        private boolean saidEnd;

        Made(Pair authority, List<String> names, Clock clock) {
            this.authority = authority;
            this.names = names;
            this.clock = clock;
        }

        @Override
        public Pair first() throws GeneralSecurityException {
            return Certificates.server(authority, names, clock.instant(), VALIDITY);
        }

        @Override
        public @Nullable Pair next(X509Certificate current) throws GeneralSecurityException {
            Instant now = clock.instant();
            Instant end = current.getNotAfter().toInstant();
            Instant from = current.getNotBefore().toInstant();
            boolean early = now.isBefore(from) // The clock went back.
                    && from.isAfter(authority.certificate().getNotBefore().toInstant());
            if (!early && now.isBefore(end.minus(VALIDITY.dividedBy(3)))) {
                return null;
            }
            if (!end.isBefore(authority.certificate().getNotAfter().toInstant())) {
                if (!saidEnd) {
                    log.warn(
                            "The certificate authority of the agents' endpoint ends on {}: agents accept no"
                                    + " certificate from then on. docs/agents.md says how to replace it",
                            end);
                }
                saidEnd = true;
                return null;
            }
            return first();
        }
    }

    /** Files are read again once they have changed and then stayed as they are from one look to the next. */
    private static final class InFiles implements Source {
        private final String certificateSetting;
        private final Path certificate;
        private final String keySetting;
        private final Path key;
        private State used;
        private State seen;

        InFiles(String certificateSetting, Path certificate, String keySetting, Path key) {
            this.certificateSetting = certificateSetting;
            this.certificate = certificate;
            this.keySetting = keySetting;
            this.key = key;
            used = State.of(certificate, key);
            seen = used;
        }

        @Override
        public Pair first() {
            return PemFiles.pair(certificateSetting, certificate, keySetting, key);
        }

        @Override
        public @Nullable Pair next(X509Certificate current) {
            State before = seen;
            seen = State.of(certificate, key);
            if (!seen.equals(before) || seen.equals(used)) {
                return null;
            }
            used = seen; // Whatever comes of it, it is tried once.
            Pair next = first();
            return next.certificate().equals(current) ? null : next;
        }
    }

    /** By what it shows that files have changed. */
    private record State(Optional<List<Object>> certificate, Optional<List<Object>> key) {

        static State of(Path certificate, Path key) {
            return new State(of(certificate), of(key));
        }

        private static Optional<List<Object>> of(Path file) {
            try {
                BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
                return Optional.of(List.of(
                        attributes.lastModifiedTime(), attributes.size(), String.valueOf(attributes.fileKey())));
            } catch (IOException e) {
                return Optional.empty();
            }
        }
    }

    private static final class AnyCertificate extends X509ExtendedTrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket) {
            throw new UnsupportedOperationException("there are only clients here");
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine) {
            throw new UnsupportedOperationException("there are only clients here");
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType) {
            throw new UnsupportedOperationException("there are only clients here");
        }

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
