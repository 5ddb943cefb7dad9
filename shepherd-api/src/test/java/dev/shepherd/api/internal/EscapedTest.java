package dev.shepherd.api.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EscapedTest {

    /** Every character that could end a line, move a cursor, turn text around or hide. */
    @Test
    void noCharacterThatIsNotSeenIsLeft() {
        for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
            int type = Character.getType(c);
            boolean unseen = Character.isISOControl(c)
                    || type == Character.FORMAT
                    || type == Character.LINE_SEPARATOR
                    || type == Character.PARAGRAPH_SEPARATOR
                    || type == Character.SURROGATE;
            if (unseen) {
                String shown = Escaped.text("a" + Character.toString(c) + "b", 10);
                assertThat(shown).as("U+%04X", c).matches("a\\\\[ -~]+b");
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"034f", "115f", "3164", "ffa0", "fe0f", "200b", "200d", "2060", "feff", "202e", "2066", "9b", "85", "1b"
    })
    void whatHidesOrTurnsTextIsShownByItsNumber(String hex) {
        assertThat(Escaped.text(Character.toString(Integer.parseInt(hex, 16))))
                .isEqualTo("\\u%04x".formatted(Integer.parseInt(hex, 16)));
    }

    /** Marks that turn text around by themselves or until others end it, and what moves the cursor of a terminal. */
    @Test
    void bidirectionalMarksAndEscapeSequencesAreNeutralised() {
        String marks = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069";
        assertThat(Escaped.text("rack" + marks + "7"))
                .isEqualTo("rack\\u061c\\u200e\\u200f\\u202a\\u202b\\u202c\\u202d\\u202e"
                        + "\\u2066\\u2067\\u2068\\u20697");
        assertThat(Escaped.text("\u001b[2J\u001b]0;title\u0007\u009b31mred\b\u007f"))
                .isEqualTo("\\u001b[2J\\u001b]0;title\\u0007\\u009b31mred\\u0008\\u007f");
    }

    @Test
    void ordinaryTextOfAnyLanguageStaysAsItIs() {
        for (String text :
                new String[] {"", "a b", "Zürich → Tōkyō", "серверная №2", "東京-1", "مركز البيانات", "𝒳 🐑", "C:\\dir"
                }) {
            assertThat(Escaped.text(text)).isEqualTo(text);
        }
    }

    @Test
    void escapedTextIsNotEscapedAgain() {
        String once = Escaped.text("a\nb\u001b[31m\u202e\udb40\udc41\ud800\t\r\u0000");
        assertThat(once).isEqualTo("a\\nb\\u001b[31m\\u202e\\u{e0041}\\ud800\\t\\r\\u0000");
        assertThat(Escaped.text(once)).isEqualTo(once);
    }

    @Test
    void longTextIsCutOffBetweenTwoCharacters() {
        assertThat(Escaped.text("abcdef", 3)).isEqualTo("abc…");
        assertThat(Escaped.text("ab🐑f", 3)).isEqualTo("ab…");
        assertThat(Escaped.text("x".repeat(Escaped.LONGEST + 1))).hasSize(Escaped.LONGEST + 1);
    }

    @Test
    void aFailureWithNothingToEscapeStaysItself() {
        Exception failure = new IllegalStateException("it is off", new IOException("no route"));
        failure.addSuppressed(new IOException((String) null));
        assertThat(Escaped.failure(failure)).isSameAs(failure);
        assertThat(Escaped.failure(null)).isNull();
    }

    @Test
    void aFailureIsEscapedWithItsCausesAndWhatItSuppressed() {
        Exception failure = new IllegalStateException("all is well", new IOException("deep\n12:00 ERROR forged"));
        failure.addSuppressed(new IOException("\u001b[2Jgone"));

        String trace = trace(Escaped.failure(failure));

        assertThat(trace)
                .contains("java.lang.IllegalStateException: all is well")
                .contains("Caused by: java.io.IOException: deep\\n12:00 ERROR forged")
                .contains("Suppressed: java.io.IOException: \\u001b[2Jgone")
                .contains("\tat " + EscapedTest.class.getName())
                .doesNotContain("\u001b", "\n12:00");
    }

    @Test
    void failuresThatLeadToEachOtherOrToTooManyEnd() {
        IOException first = new IOException("a\nb");
        IOException second = new IOException("c", first);
        first.initCause(second);
        assertThat(trace(Escaped.failure(first))).contains("a\\nb").contains("Caused by: java.io.IOException: c");

        Throwable chain = new IOException("the root");
        for (int i = 0; i < 100_000; i++) {
            chain = new IOException("link", chain);
        }
        assertThat(trace(Escaped.failure(chain))).doesNotContain("the root").hasSizeLessThan(1_000_000);
    }

    @Test
    void aFailureThatThrowsWhenAskedIsNamed() {
        Exception failure = new Exception() {
            @Override
            public String getMessage() {
                throw new IllegalStateException("no\nmessage");
            }
        };
        assertThat(trace(Escaped.failure(failure)))
                .contains("which does not say what it is")
                .doesNotContain("no\nm");
    }

    @Test
    void messagesOfShepherdsOwnExceptionsAreOneLine() {
        ProviderException failure = new ProviderException(
                Reason.TRANSIENT, "the API says \"ok\n12:00 ERROR forged\u202e\"", new IOException("\u009b2J"));
        assertThat(failure).hasMessage("the API says \"ok\\n12:00 ERROR forged\\u202e\"");
        assertThat(failure.getCause()).hasToString("java.io.IOException: \\u009b2J");
    }

    @Test
    void aReasonIsOneLine() {
        assertThat(Escaped.firstRefused("moving racks, 東京 🐑")).isEqualTo(-1);
        assertThat(Escaped.firstRefused("a\nb")).isEqualTo('\n');
        assertThat(Escaped.firstRefused("a\u2028b")).isEqualTo(0x2028);
        assertThat(Escaped.firstRefused("a\ud800b")).isEqualTo(0xd800);
        assertThat(Escaped.firstRefused("a\udc00")).isEqualTo(0xdc00);
    }

    private static String trace(Throwable failure) {
        StringWriter trace = new StringWriter();
        failure.printStackTrace(new PrintWriter(trace, true));
        return trace.toString();
    }
}
