package dev.shepherd.cli.internal;

import dev.shepherd.api.ConfigurationException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of the operator's page. */
public final class WebOptions {

    @Option(
            names = "--web-listen",
            paramLabel = "[HOST:]PORT",
            description = "serve the operator's page and HTTP API here (default host: 127.0.0.1)")
    private @Nullable String listen;

    @Option(
            names = "--web-tokens",
            paramLabel = "FILE",
            description =
                    "file of those who may use the page, a line each: NAME viewer|operator TOKEN. Without it the page"
                            + " shows everything to everyone who reaches it, and changes nothing")
    private @Nullable Path tokens;

    @Option(
            names = "--web-host",
            paramLabel = "NAME",
            description =
                    "a host name, without a port, under which people reach the page, besides those of loopback and"
                            + " that of --web-listen; repeatable")
    private List<String> hosts = new ArrayList<>();

    @Option(
            names = "--web-certificate",
            paramLabel = "FILE",
            description = "certificate chain of the page, as PEM; needs --web-key")
    private @Nullable Path certificate;

    @Option(
            names = "--web-key",
            paramLabel = "FILE",
            description = "private key of that certificate, as PEM (PKCS #8), readable by its owner alone")
    private @Nullable Path key;

    /** Returns where to serve the page, if anywhere. */
    public Optional<InetSocketAddress> listen() {
        Optional<InetSocketAddress> address =
                Optional.ofNullable(listen).map(text -> ListenAddress.of("--web-listen", text));
        if (address.isEmpty()) {
            requireNone("--web-tokens", tokens);
            requireNone("--web-certificate", certificate);
            requireNone("--web-key", key);
            requireNone("--web-host", hosts.isEmpty() ? null : hosts);
        }
        return address;
    }

    private static void requireNone(String option, @Nullable Object value) {
        if (value != null) {
            throw new ConfigurationException(option, option + " goes with --web-listen, which is not given");
        }
    }

    /** Returns where to serve the page, where a command always does. */
    public InetSocketAddress listenOr(InetSocketAddress usual) {
        return listen == null ? usual : ListenAddress.of("--web-listen", listen);
    }

    Optional<Path> tokens() {
        return Optional.ofNullable(tokens);
    }

    Optional<Path> certificate() {
        if ((certificate == null) != (key == null)) {
            String missing = key == null ? "--web-key" : "--web-certificate";
            throw new ConfigurationException(
                    missing, "--web-certificate and --web-key go together; " + missing + " is not given");
        }
        return Optional.ofNullable(certificate);
    }

    Optional<Path> key() {
        return Optional.ofNullable(key);
    }

    /** Returns the names that the page answers to. */
    Set<String> hosts(InetSocketAddress address) {
        Set<String> all = new LinkedHashSet<>(List.of("localhost", "127.0.0.1", "[::1]"));
        if (!address.getAddress().isAnyLocalAddress()) {
            all.add(name(address.getAddress().getHostAddress()));
            all.add(name(address.getHostString()));
        }
        hosts.forEach(host -> all.add(name(host)));
        return all;
    }

    private static String name(String host) {
        return host.contains(":") && !host.startsWith("[") ? "[" + host.replaceFirst("%.*", "") + "]" : host;
    }
}
