package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.event.EventKind;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Where events are sent to. */
public final class WebhookSettings {

    private static final int SHORTEST_SECRET = 16;
    private static final String ENCODED = "whsec_";

    private final Builder values;

    private WebhookSettings(Builder values) {
        this.values = values;
    }

    /** Returns where to, if that is said. */
    public Optional<URI> url() {
        return Optional.ofNullable(values.url);
    }

    /** Returns the key of the signatures; empty if there is no URL. */
    public byte[] secret() {
        return values.secret.clone();
    }

    /** Returns which kinds of events are sent. */
    public Set<EventKind> kinds() {
        return values.kinds.isEmpty() ? EnumSet.allOf(EventKind.class) : EnumSet.copyOf(values.kinds);
    }

    /** Collects the settings. */
    static final class Builder {
        private @Nullable URI url;
        private byte[] secret = {};
        private List<EventKind> kinds = List.of();

        void url(String text) {
            URI uri;
            try {
                uri = new URI(text);
            } catch (URISyntaxException e) {
                throw new ConfigurationException("url", "url is no URL: " + e.getReason(), e);
            }
            boolean isHttp = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
            if (!isHttp || uri.getHost() == null || uri.getUserInfo() != null || uri.getFragment() != null) {
                throw new ConfigurationException(
                        "url", "url must be http://HOST… or https://HOST…, without a user and a fragment");
            }
            this.url = uri;
        }

        void secret(String text) {
            byte[] key;
            try {
                key = text.startsWith(ENCODED)
                        ? Base64.getDecoder().decode(text.substring(ENCODED.length()))
                        : text.getBytes(StandardCharsets.UTF_8);
            } catch (IllegalArgumentException e) {
                // Without the decoder's message, which may repeat a part of it.
                throw new ConfigurationException("secret", "secret is not Base64 behind " + ENCODED);
            }
            if (key.length < SHORTEST_SECRET) {
                throw new ConfigurationException("secret", "secret must have at least " + SHORTEST_SECRET + " bytes");
            }
            this.secret = key;
        }

        void kinds(List<EventKind> which) {
            this.kinds = which;
        }

        WebhookSettings build() {
            if (url == null && (secret.length > 0 || !kinds.isEmpty())) {
                throw new ConfigurationException(
                        "url", "a webhook's secret and kinds go with its URL (--webhook), which is not given");
            }
            if (url != null && secret.length == 0) {
                throw new ConfigurationException(
                        "secret",
                        "a webhook needs a secret (--webhook-secret-file), by which the receiver knows that what it gets is"
                                + " from here");
            }
            return new WebhookSettings(this);
        }
    }
}
