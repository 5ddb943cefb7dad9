package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.settings.Checks;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The operator's page. */
public final class WebSettings {

    private final Builder values;

    private WebSettings(Builder values) {
        this.values = values;
    }

    /** Returns where to serve the page, if that is said. */
    public Optional<InetSocketAddress> listen() {
        return Optional.ofNullable(values.listen);
    }

    public Optional<Path> tokens() {
        return Optional.ofNullable(values.tokens);
    }

    public Optional<Path> certificate() {
        return Optional.ofNullable(values.certificate);
    }

    public Optional<Path> key() {
        return Optional.ofNullable(values.key);
    }

    public Optional<Duration> countInterval() {
        return Optional.ofNullable(values.countInterval);
    }

    /** Returns the names that the page answers to. */
    public Set<String> hosts(InetSocketAddress address) {
        Set<String> all = new LinkedHashSet<>(List.of("localhost", "127.0.0.1", "[::1]"));
        if (!address.getAddress().isAnyLocalAddress()) {
            all.add(name(address.getAddress().getHostAddress()));
            all.add(name(address.getHostString()));
        }
        values.hosts.forEach(host -> all.add(name(host)));
        return all;
    }

    private static String name(String host) {
        return host.contains(":") && !host.startsWith("[") ? "[" + host.replaceFirst("%.*", "") + "]" : host;
    }

    private static void requireNone(String setting, @Nullable Object value) {
        if (value != null) {
            throw new ConfigurationException(
                    setting, setting + " goes with the address of the page (--web-listen), which is not given");
        }
    }

    /** Collects the settings. */
    static final class Builder {
        private @Nullable InetSocketAddress listen;
        private @Nullable Path tokens;
        private List<String> hosts = List.of();
        private @Nullable Path certificate;
        private @Nullable Path key;
        private @Nullable Duration countInterval;

        void listen(InetSocketAddress where) {
            this.listen = where;
        }

        void tokens(Path file) {
            this.tokens = file;
        }

        void hosts(List<String> names) {
            this.hosts = names;
        }

        void certificate(Path file) {
            this.certificate = file;
        }

        void key(Path file) {
            this.key = file;
        }

        void countInterval(Duration span) {
            this.countInterval = span;
        }

        WebSettings build(boolean always) {
            if (!always && listen == null) {
                requireNone("tokens", tokens);
                requireNone("certificate", certificate);
                requireNone("key", key);
                requireNone("hosts", hosts.isEmpty() ? null : hosts);
                requireNone("countInterval", countInterval);
            }
            if ((certificate == null) != (key == null)) {
                throw new ConfigurationException(
                        certificate == null ? "key" : "certificate",
                        "a certificate and its key (--web-certificate, --web-key) go together; the "
                                + (key == null ? "key" : "certificate") + " is not given");
            }
            if (countInterval != null) {
                // The page says it no earlier than it is made, when the database is open.
                Checks.span("countInterval", countInterval, Duration.ofSeconds(1), Duration.ofHours(1));
            }
            return new WebSettings(this);
        }
    }
}
