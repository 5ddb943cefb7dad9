package dev.shepherd.cli.internal;

import dev.shepherd.cli.settings.Given;
import dev.shepherd.cli.settings.OptionFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of what is told to another program. */
public final class WebhookOptions {

    @Option(
            names = "--webhook",
            paramLabel = "URL",
            description = "send what happens to the fleet here, by POST, each event as JSON and signed; of several"
                    + " managers with the same URL one sends")
    private @Nullable String url;

    @Option(
            names = "--webhook-secret-file",
            paramLabel = "FILE",
            description = "file whose first line is the key of the signatures, of at least 16 characters, or whsec_ and"
                    + " Base64; needs --webhook")
    private @Nullable Path secretFile;

    @Option(
            names = "--webhook-kinds",
            paramLabel = "KIND",
            split = ",",
            description = "the kinds of events to send, such as quarantined,freeze-began (default: all)")
    private List<String> kinds = new ArrayList<>();

    /** Gives what was given. */
    public void give(Given given) {
        given.put("webhook.url", "--webhook", url);
        given.put(
                "webhook.secret",
                "--webhook-secret-file",
                secretFile == null ? null : OptionFile.firstLine("--webhook-secret-file", secretFile));
        given.putAll("webhook.kinds", "--webhook-kinds", kinds);
    }
}
