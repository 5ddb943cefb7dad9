package dev.shepherd.callback;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.callback.tls.ServerTls;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.cert.CertificateEncodingException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where an {@link AgentEndpoint} has its certificate from: PEM files, or an authority (CA) that it makes itself in a
 * folder. Immutable; made by {@link #builder()}.
 *
 * <pre>{@code
 * AgentTls tls = AgentTls.builder().folder(Path.of("agent-tls")).names(List.of("shepherd.example.com")).build();
 * AgentEndpoint.builder().tls(tls)…
 * AgentTakeover.builder().endpoint("https://shepherd.example.com:7834").caCertificate(tls.caCertificate().get())…
 * }</pre>
 *
 * <p>Nothing has to be restarted: files that were replaced are taken up within seconds, and a certificate that was made
 * here is valid for 90 days and renewed 30 days before its end. Connections that are open keep theirs.
 */
public final class AgentTls {

    private final @Nullable Path certificate;
    private final @Nullable Path key;
    private final @Nullable Path folder;
    private final List<String> names;

    private AgentTls(Builder values) {
        certificate = values.certificate;
        key = values.key;
        folder = values.folder;
        names = values.names;
    }

    /** Starts without a certificate. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Returns the certificate of the authority in the folder, in DER, for agents to verify the endpoint with; empty
     * where certificates come from files. The authority is made if there is none.
     *
     * @throws ConfigurationException if it cannot be read or made
     */
    public Optional<byte[]> caCertificate() {
        if (folder == null) {
            return Optional.empty();
        }
        try {
            return Optional.of(ServerTls.authority("folder", folder, Clock.systemUTC())
                    .certificate()
                    .getEncoded());
        } catch (CertificateEncodingException e) {
            throw new IllegalStateException("it was read from its encoding", e);
        }
    }

    /**
     * Reads, or makes, what it takes to serve.
     *
     * @param addresses where the endpoint listens, which a certificate that is made is also for
     */
    ServerTls open(List<InetSocketAddress> addresses, Clock clock) {
        if (folder == null) {
            return ServerTls.ofFiles(
                    "certificate", Objects.requireNonNull(certificate), "key", Objects.requireNonNull(key), clock);
        }
        List<String> all = new ArrayList<>(names);
        for (InetSocketAddress address : addresses) {
            String text = address.getAddress().getHostAddress().replaceFirst("%.*", "");
            if (!address.getAddress().isAnyLocalAddress() && !all.contains(text)) {
                all.add(text);
            }
        }
        if (all.isEmpty()) {
            throw new ConfigurationException(
                    "names",
                    "names is missing: the endpoint listens on all interfaces, so its certificate needs the names and"
                            + " addresses that agents reach it by");
        }
        return ServerTls.ofAuthority(ServerTls.authority("folder", folder, clock), all, clock);
    }

    /** Describes where the certificate comes from. */
    @Override
    public String toString() {
        return folder == null
                ? "AgentTls{certificate=" + certificate + "}"
                : "AgentTls{folder=" + folder + ", names=" + names + "}";
    }

    /** Collects the settings of {@link AgentTls}: a certificate and its key, or a folder. Not safe for several threads. */
    public static final class Builder {
        private @Nullable Path certificate;
        private @Nullable Path key;
        private @Nullable Path folder;
        private List<String> names = List.of();

        private Builder() {}

        /** Essential, with a key: sets the file of the certificate, in PEM, followed by those that vouch for it. */
        public Builder certificate(Path file) {
            this.certificate = Objects.requireNonNull(file, "certificate");
            return this;
        }

        /**
         * Essential, with a certificate: sets the file of its private key, in PEM (PKCS #8, not encrypted; RSA, EC or
         * Ed25519), readable by its owner alone.
         */
        public Builder key(Path file) {
            this.key = Objects.requireNonNull(file, "key");
            return this;
        }

        /**
         * Essential, without a certificate: sets the folder of the authority. It is made, for its owner alone, if it
         * does not exist. Processes that share the folder, or have a copy of it, have certificates by the same
         * authority.
         */
        public Builder folder(Path folder) {
            this.folder = Objects.requireNonNull(folder, "folder");
            return this;
        }

        /**
         * Common, with a folder: sets the host names and IP addresses that agents reach the endpoint by, beside the
         * address that it listens on; none by default.
         */
        public Builder names(Collection<String> names) {
            this.names = List.copyOf(names);
            return this;
        }

        /**
         * Makes the settings. Files are read when the endpoint is started.
         *
         * @throws ConfigurationException if neither or both are set
         */
        public AgentTls build() {
            if (folder == null && certificate == null && key == null) {
                throw new ConfigurationException(
                        "certificate", "TLS needs a certificate and its key, or a folder to make them in");
            }
            if (folder != null && (certificate != null || key != null)) {
                throw new ConfigurationException(
                        "folder", "a certificate and its key exclude a folder to make them in: set one of both");
            }
            if (folder == null && (certificate == null || key == null)) {
                String missing = certificate == null ? "certificate" : "key";
                throw new ConfigurationException(
                        missing, "certificate and key go together; " + missing + " is not set");
            }
            if (folder == null && !names.isEmpty()) {
                throw new ConfigurationException("names", "names goes with folder, which is not set");
            }
            for (String name : names) {
                Checks.that(
                        "names",
                        name.matches("[^\\s/\\[\\]]{1,253}"),
                        "host names and IP addresses, without scheme, port and brackets",
                        name);
            }
            return new AgentTls(this);
        }
    }
}
