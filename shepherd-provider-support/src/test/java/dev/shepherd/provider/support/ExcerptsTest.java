package dev.shepherd.provider.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.ConnectException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExcerptsTest {

    private final Excerpts excerpts = Excerpts.hiding("hunter2", "", " ", "hunter2-and-more", "a b\"c\\d");

    @ParameterizedTest
    @CsvSource({
        "nothing secret, nothing secret",
        "token hunter2 is wrong, token *** is wrong",
        "hunter2hunter2, ******",
        "hunter2-and-more, ***",
        "aHVudGVyMg==, ***==",
        "?t=a+b%22c%5Cd&u, ?t=***&u",
        "?t=a%20b%22c%5Cd&u, ?t=***&u",
        "'{\"t\": \"a b\\\"c\\\\d\"}', '{\"t\": \"***\"}'",
        "'  blanks at its ends ', blanks at its ends",
    })
    void aSecretIsHiddenInAllItsForms(String text, String shown) {
        assertThat(excerpts.of(text)).isEqualTo(shown);
        assertThat(excerpts.of(text.getBytes(StandardCharsets.UTF_8))).isEqualTo(shown);
    }

    @Test
    void aSecretIsHiddenBeforeTheTextIsCut() {
        String text = "x".repeat(Excerpts.LONGEST - 3) + "hunter2";

        assertThat(excerpts.of(text)).doesNotContain("hun").endsWith("xxx***");
    }

    @Test
    void whatIsShownIsOneLineAndHasAnEnd() {
        assertThat(excerpts.of("line\nINFO forged \u001b[31m\u202e"))
                .isEqualTo("line\\nINFO forged \\u001b[31m\\u202e");
        assertThat(excerpts.of("x".repeat(10_000)))
                .hasSize(Excerpts.LONGEST + 1)
                .endsWith("…");
        assertThat(excerpts.of(new byte[] {'a', (byte) 0xff, 0})).isEqualTo("a\ufffd\\u0000");
    }

    @Test
    void aFailureIsNamedByTheFirstMessageThereIs() {
        assertThat(excerpts.of(new ConnectException())).isEqualTo("ConnectException");
        assertThat(excerpts.of(new IOException((String) null, new IOException("no hunter2\nhere"))))
                .isEqualTo("IOException: no ***\\nhere");
    }

    @Test
    void aFailureIsCleanIfNoCauseOfItHoldsASecret() {
        assertThat(excerpts.isClean(new IOException("a", new IOException("b")))).isTrue();
        assertThat(excerpts.isClean(new IOException("a", new IOException("hunter2"))))
                .isFalse();
        IOException a = new IOException("a");
        IOException b = new IOException("b", a);
        a.initCause(b);
        assertThat(excerpts.isClean(a)).as("in a circle").isFalse();
    }

    @Test
    void itsOwnTextShowsNoSecret() {
        assertThat(excerpts.toString()).doesNotContain("hunter2");
    }
}
