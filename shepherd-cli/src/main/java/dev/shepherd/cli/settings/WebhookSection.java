package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.web.webhook.WebhookSettings;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Collects what is said of a webhook, which there is only with a URL. */
final class WebhookSection {

    private @Nullable URI url;
    private @Nullable String secret;
    private List<EventKind> kinds = List.of();

    void url(String text) {
        try {
            this.url = new URI(text);
        } catch (URISyntaxException e) {
            throw new ConfigurationException("url", "url is no URL: " + e.getReason(), e);
        }
    }

    void secret(String text) {
        this.secret = text;
    }

    void kinds(List<EventKind> which) {
        this.kinds = which;
    }

    /** Returns the settings; empty if nothing is said. */
    Optional<WebhookSettings> build() {
        if (url == null) {
            if (secret != null || !kinds.isEmpty()) {
                throw new ConfigurationException(
                        "url", "a webhook's secret and kinds go with its URL (--webhook), which is not given");
            }
            return Optional.empty();
        }
        if (secret == null) {
            throw new ConfigurationException(
                    "secret",
                    "a webhook needs a secret (--webhook-secret-file), by which the receiver knows that what it gets is"
                            + " from here");
        }
        WebhookSettings.Builder settings = WebhookSettings.builder().url(url).secret(secret);
        if (!kinds.isEmpty()) {
            settings.kinds(Set.copyOf(kinds));
        }
        return Optional.of(settings.build());
    }
}
