package dev.shepherd.cli.internal;

import dev.shepherd.cli.settings.Given;
import java.util.ArrayList;
import java.util.List;
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
    private @Nullable String tokens;

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
    private @Nullable String certificate;

    @Option(
            names = "--web-key",
            paramLabel = "FILE",
            description = "private key of that certificate, as PEM (PKCS #8), readable by its owner alone")
    private @Nullable String key;

    /** Gives what was given. */
    public void give(Given given) {
        given.put("web.listen", "--web-listen", listen);
        given.put("web.tokens", "--web-tokens", tokens);
        given.putAll("web.hosts", "--web-host", hosts);
        given.put("web.certificate", "--web-certificate", certificate);
        given.put("web.key", "--web-key", key);
    }
}
