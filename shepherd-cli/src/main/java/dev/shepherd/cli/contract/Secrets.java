package dev.shepherd.cli.contract;

import dev.shepherd.api.ProviderProperty;
import dev.shepherd.cli.internal.FoundProvider;
import dev.shepherd.cli.internal.PropertyOptions;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The secrets that a provider was given: they must not show, and where they do, all the less in what the command prints.
 *
 * @param texts the secrets
 */
record Secrets(List<String> texts) {

    /** Shorter ones are likely to be in a text by chance. */
    private static final int SHORTEST = 4;

    Secrets {
        texts = List.copyOf(texts);
    }

    /** Finds those that are given as such. A URI is none, only its query. */
    static Secrets of(FoundProvider found, PropertyOptions.Values values) {
        List<String> secrets = new ArrayList<>();
        for (ProviderProperty property : found.properties()) {
            Optional<String> text = property.secret() ? values.text(property.name()) : Optional.empty();
            if (property.type() == ProviderProperty.Type.URI) {
                text = text.map(URI::create).map(URI::getRawQuery);
            }
            text.filter(secret -> secret.length() >= SHORTEST).ifPresent(secrets::add);
        }
        return new Secrets(secrets);
    }

    /** Returns a text without them. */
    String hidden(String text) {
        String hidden = text;
        for (String secret : texts) {
            hidden = hidden.replace(secret, "***");
        }
        return hidden;
    }
}
