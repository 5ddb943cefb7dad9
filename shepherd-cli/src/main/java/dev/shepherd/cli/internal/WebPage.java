package dev.shepherd.cli.internal;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.settings.PemFiles;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.operator.RecoveryPolicies;
import dev.shepherd.cli.settings.WebSettings;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.web.WebConsole;
import dev.shepherd.web.WebServer;
import dev.shepherd.web.access.TokenFile;
import dev.shepherd.web.webhook.Webhook;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The operator's page while a command runs. */
public final class WebPage implements AutoCloseable {

    /** How many connections to the database it takes at most, as a rule. */
    public static final int CONNECTIONS = 4;

    private static final Logger log = LoggerFactory.getLogger(WebPage.class);

    private final Metrics metrics;
    private final WebConsole console;
    private final WebServer server;

    private WebPage(Metrics metrics, WebConsole console, WebServer server) {
        this.metrics = metrics;
        this.console = console;
        this.server = server;
    }

    /**
     * Serves the page.
     *
     * @param shepherd whose loops are shown, and who reboots; null where the command runs none
     * @param listener where agents report to; null where that is elsewhere
     * @param webhook what sends events; null where the command sends none
     * @throws ConfigurationException if it cannot be served so
     */
    public static WebPage start(
            Bmdb bmdb,
            @Nullable Shepherd shepherd,
            @Nullable AgentListener listener,
            @Nullable Webhook webhook,
            RecoveryPolicies policies,
            InetSocketAddress address,
            WebSettings options) {
        boolean loopback = address.getAddress().isLoopbackAddress();
        Optional<TokenFile> tokens = options.tokens().map(file -> TokenFile.read("--web-tokens", file));
        SSLContext tls = options.certificate()
                .map(certificate -> PemFiles.serverContext(
                        "--web-certificate",
                        certificate,
                        "--web-key",
                        options.key().orElseThrow()))
                .orElse(null);
        if (!loopback && tokens.isEmpty()) {
            throw new ConfigurationException(
                    "--web-tokens",
                    "the page would show the fleet to all who reach " + address.getHostString()
                            + "; name those who may see it in a file for --web-tokens");
        }
        if (!loopback && tls == null) {
            log.warn(
                    "The page is served without TLS at {}: tokens can be read on the way, unless a proxy before it"
                            + " speaks TLS",
                    address.getHostString());
        }
        WebConsole.Builder settings =
                WebConsole.builder().bmdb(bmdb).policies(policies).hosts(options.hosts(address));
        if (shepherd != null) {
            settings.shepherd(shepherd);
        }
        options.countInterval().ifPresent(settings::countInterval);
        tokens.ifPresent(file -> settings.authenticator(file).authorizer(file));
        WebPage page = start(settings, new Metrics(bmdb, shepherd, listener, webhook), address, tls);
        log.info("The page is at {}", page.url());
        return page;
    }

    /**
     * Serves the page of a demo on loopback, where everyone may do everything in the demo's name.
     *
     * @param port the port; 0 for any that is free
     */
    public static WebPage ofDemo(
            Bmdb bmdb, Shepherd shepherd, AgentListener listener, RecoveryPolicy policy, int port) {
        WebConsole.Builder settings = WebConsole.builder()
                .bmdb(bmdb)
                .shepherd(shepherd)
                .policy(policy)
                .countInterval(Duration.ofSeconds(1))
                .authenticator(request -> Optional.of("demo"))
                .authorizer((principal, action, machine) -> true);
        return start(
                settings,
                new Metrics(bmdb, shepherd, listener, null),
                new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
                null);
    }

    private static WebPage start(
            WebConsole.Builder settings, Metrics metrics, InetSocketAddress address, @Nullable SSLContext tls) {
        WebConsole console = settings.metrics(metrics).onCount(metrics::update).build();
        WebServer server;
        try {
            server = WebServer.bind(console, address, tls);
        } catch (IOException e) {
            console.close();
            metrics.close();
            throw new ConfigurationException(
                    "--web-listen",
                    "the page cannot be served at " + address.getHostString() + " port " + address.getPort() + ": "
                            + e.getMessage(),
                    e);
        }
        console.start();
        server.start();
        return new WebPage(metrics, console, server);
    }

    /** Returns where the page is. */
    public String url() {
        InetSocketAddress address = server.address();
        String host = address.getAddress().isAnyLocalAddress()
                ? "localhost"
                : address.getAddress().getHostAddress();
        return (server.isSecure() ? "https://" : "http://") + (host.contains(":") ? "[" + host + "]" : host) + ":"
                + address.getPort() + "/";
    }

    @Override
    public void close() {
        server.close();
        console.close();
        metrics.close();
    }
}
