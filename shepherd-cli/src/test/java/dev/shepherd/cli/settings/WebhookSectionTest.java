package dev.shepherd.cli.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.bmdb.event.EventKind;
import java.net.URI;
import org.junit.jupiter.api.Test;

class WebhookSectionTest {

    private static final String SECRET = "an-old-secret-of-the-receiver";

    private static Settings settings(String... pairs) {
        Given given = new Given();
        for (int i = 0; i < pairs.length; i += 2) {
            given.put("webhook." + pairs[i], "--webhook-" + pairs[i], pairs[i + 1]);
        }
        return Settings.of(null, given);
    }

    @Test
    void whatIsGivenGetsToTheSettings() {
        Settings settings = settings("url", "http://127.0.0.1/events", "secret", SECRET, "kinds", "quarantined");

        assertThat(settings.webhook()).hasValueSatisfying(webhook -> {
            assertThat(webhook.url()).isEqualTo(URI.create("http://127.0.0.1/events"));
            assertThat(webhook.kinds()).containsExactly(EventKind.QUARANTINED);
        });
        settings.requireValid();
    }

    @Test
    void allKindsAreSentUnlessSomeAreNamed() {
        assertThat(settings("url", "http://127.0.0.1/", "secret", SECRET).webhook())
                .hasValueSatisfying(
                        webhook -> assertThat(webhook.kinds()).containsExactlyInAnyOrder(EventKind.values()));
    }

    @Test
    void nothingIsSentUnlessItIsSaidWhereTo() {
        Settings settings = settings();

        assertThat(settings.webhook()).isEmpty();
        settings.requireValid();
    }

    @Test
    void wrongSettingsAreNamedWithoutTheSecret() {
        assertWrong("a secret", "url", "http://127.0.0.1/");
        assertWrong("at least 16", "url", "http://127.0.0.1/", "secret", "short-secret");
        assertWrong("is not Base64", "url", "http://127.0.0.1/", "secret", "whsec_short-secret");
        assertWrong("http://HOST", "url", "ftp://127.0.0.1/", "secret", SECRET);
        assertWrong("without a user", "url", "http://me:short-secret@127.0.0.1/", "secret", SECRET);
        assertWrong("is no URL", "url", "http://127.0.0.1/ ", "secret", SECRET);
        assertWrong("--webhook", "secret", SECRET);
        assertWrong("freeze-began", "url", "http://127.0.0.1/", "secret", SECRET, "kinds", "levitated");
    }

    private static void assertWrong(String message, String... pairs) {
        Settings settings = settings(pairs);
        settings.webhook();
        assertThatThrownBy(settings::requireValid)
                .hasMessageContaining(message)
                .message()
                .doesNotContain(SECRET)
                .doesNotContain("short-secret");
    }
}
