package dev.shepherd.web.webhook;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.event.EventKind;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Where a {@link Webhook} sends events, and which. Immutable; made by {@link #builder()}. */
public final class WebhookSettings {

    private static final int SHORTEST_SECRET = 16;
    private static final String ENCODED = "whsec_";

    private final URI url;
    private final byte[] secret;
    private final Set<EventKind> kinds;

    private WebhookSettings(URI url, byte[] secret, Set<EventKind> kinds) {
        this.url = url;
        this.secret = secret;
        this.kinds = kinds;
    }

    /** Starts without a URL and a secret, which both must be given. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns where events are sent. */
    public URI url() {
        return url;
    }

    /** Returns the key of the signatures. */
    byte[] secret() {
        return secret.clone();
    }

    /** Returns which kinds of events are sent. */
    public Set<EventKind> kinds() {
        return kinds;
    }

    /** Names the server, without the path and the secret. */
    @Override
    public String toString() {
        return "WebhookSettings{host=" + url.getHost() + ", kinds=" + kinds + "}";
    }

    /** Collects the values of {@link WebhookSettings}. Not safe for several threads. */
    public static final class Builder {
        private @Nullable URI url;
        private @Nullable String secret;
        private Set<EventKind> kinds = EnumSet.allOf(EventKind.class);

        private Builder() {}

        /**
         * Essential: sets where events are sent, by {@code http} or {@code https}, with a host, and without a user and a
         * fragment; it must be given. Processes with the same URL share the work: one sends at a time.
         */
        public Builder url(URI url) {
            this.url = Objects.requireNonNull(url, "url");
            return this;
        }

        /**
         * Essential: sets the key of the signatures, by which the receiver knows the sender, at least 16 bytes; it must be
         * given. A text that begins with {@code whsec_} is Base64 behind that; the bytes of any other are those of UTF-8.
         */
        public Builder secret(String secret) {
            this.secret = Objects.requireNonNull(secret, "secret");
            return this;
        }

        /** Common: sets which kinds of events are sent, at least one; all by default, those of later versions too. */
        public Builder kinds(Set<EventKind> kinds) {
            this.kinds = Set.copyOf(kinds);
            return this;
        }

        /**
         * Makes the settings.
         *
         * @throws ConfigurationException if the URL or the secret is missing, or a value is out of its range; no message
         *     has any part of the secret
         */
        public WebhookSettings build() {
            URI to = url;
            if (to == null) {
                throw new ConfigurationException(
                        "url", "url is missing: a webhook needs to know where events are sent");
            }
            boolean isHttp = "http".equals(to.getScheme()) || "https".equals(to.getScheme());
            if (!isHttp || to.getHost() == null || to.getUserInfo() != null || to.getFragment() != null) {
                throw new ConfigurationException(
                        "url", "url must be http://HOST… or https://HOST…, without a user and a fragment");
            }
            if (secret == null) {
                throw new ConfigurationException(
                        "secret",
                        "secret is missing: a webhook needs one, by which the receiver knows that what it gets is from"
                                + " here");
            }
            byte[] key = key(secret);
            if (kinds.isEmpty()) {
                throw new ConfigurationException("kinds", "kinds must have at least one kind of event");
            }
            return new WebhookSettings(to, key, Collections.unmodifiableSet(EnumSet.copyOf(kinds)));
        }

        private static byte[] key(String secret) {
            byte[] key;
            try {
                key = secret.startsWith(ENCODED)
                        ? Base64.getDecoder().decode(secret.substring(ENCODED.length()))
                        : secret.getBytes(StandardCharsets.UTF_8);
            } catch (IllegalArgumentException e) {
                // Without the decoder's message, which may repeat a part of it.
                throw new ConfigurationException("secret", "secret is not Base64 behind " + ENCODED);
            }
            if (key.length < SHORTEST_SECRET) {
                throw new ConfigurationException("secret", "secret must have at least " + SHORTEST_SECRET + " bytes");
            }
            return key;
        }
    }
}
