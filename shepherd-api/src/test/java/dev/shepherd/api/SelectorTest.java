package dev.shepherd.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.Selector.Term;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SelectorTest {

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "rack=7 | rack=7",
                "rack==7 | rack=7",
                "rack = 7 , tier != db | rack=7,tier!=db",
                "rack in (8, 7,7) | rack in (7,8)",
                "rack in (7) | rack=7",
                "rack notin (8,7) | rack notin (7,8)",
                "rack notin (7) | rack!=7",
                "rack | rack",
                "!rack | !rack",
                "! rack,in | !rack,in",
                "in in (in,notin) | in in (in,notin)",
                "notin notin (a,b) | notin notin (a,b)",
                "rack= | rack=",
                "rack=,x | rack=,x",
                "rack in (,a) | rack in (,a)",
                "example.com/rack=7 | example.com/rack=7",
            })
    void isReadAndWritten(String text, String written) {
        Selector selector = Selector.parse(text);

        assertThat(selector).hasToString(written);
        assertThat(Selector.parse(written)).isEqualTo(selector).hasSameHashCodeAs(selector);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "\"\" | at character 1 of the selector there is the end instead of the key of a label",
                "rack=7, | at character 8 of the selector there is the end instead of the key of a label",
                "=7 | at character 1 of the selector there is \"=7\" instead of the key of a label",
                "rack=7 tier=db | at character 8 of the selector there is \"tier=db\" instead of a comma or the end",
                "rack in 7 | at character 9 of the selector there is \"7\" instead of ( and values",
                "rack in (7 | at character 11 of the selector there is the end instead of a comma or )",
                "rack=7,ti_=db | at character 8 of the selector",
                "rack=-7 | the label rack has the value \"-7\"",
                "rack=7\u202e8 | the label rack has the value \"7\\u202e8\"",
                "a=b=c | at character 4 of the selector there is \"=c\" instead of a comma or the end",
                "!rack=7 | at character 6 of the selector there is \"=7\" instead of a comma or the end",
            })
    void whatIsWrongIsSaidAndWhere(String text, String message) {
        assertThatThrownBy(() -> Selector.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }

    @Test
    void isBounded() {
        assertThat(Selector.parse(String.join(",", Collections.nCopies(Selector.MOST_TERMS, "a")))
                        .terms())
                .hasSize(Selector.MOST_TERMS);
        assertThatThrownBy(() -> Selector.parse(String.join(",", Collections.nCopies(Selector.MOST_TERMS + 1, "a"))))
                .hasMessageContaining("at most 16 terms");
        assertThatThrownBy(() -> Selector.parse("a in (" + String.join(",", Collections.nCopies(65, "a")) + ")"))
                .hasMessageContaining("at most 64 values");
        assertThatThrownBy(() -> Selector.parse("a".repeat(Selector.LONGEST + 1)))
                .hasMessageContaining("at most 4000 characters");
        assertThatThrownBy(() -> Selector.of(List.of())).hasMessageContaining("1 to 16 terms");
        assertThatThrownBy(() -> new Term("a", Collections.nCopies(65, "a"), true))
                .hasMessageContaining("at most 64 values");
        assertThatThrownBy(() -> new Term("a/", List.of(), true)).hasMessageContaining("the label key");
    }

    @Test
    void selectsByAllTerms() {
        Map<String, String> labels = Map.of("rack", "7", "tier", "db", "empty", "");

        for (String text : List.of(
                "rack=7",
                "rack=7,tier=db",
                "tier!=web",
                "other!=x",
                "rack in (6,7)",
                "rack notin (6,8)",
                "other notin (6,8)",
                "rack",
                "!other",
                "empty=",
                "empty",
                "empty in (,x)")) {
            assertThat(Selector.parse(text).matches(labels)).as(text).isTrue();
        }
        for (String text : List.of(
                "rack=8",
                "rack=7,tier=web",
                "tier!=db",
                "rack in (6,8)",
                "rack notin (6,7)",
                "other",
                "!rack",
                "empty=x",
                "empty!=",
                "other=",
                "Rack=7")) {
            assertThat(Selector.parse(text).matches(labels)).as(text).isFalse();
        }
    }

    @Test
    void whateverSelectorThereIsItsTextIsReadAsTheSame() {
        Random random = new Random(7);
        for (int i = 0; i < 2000; i++) {
            List<Term> terms = new ArrayList<>();
            for (int term = random.nextInt(4); term >= 0; term--) {
                List<String> values = new ArrayList<>();
                for (int value = random.nextInt(4); value > 0; value--) {
                    values.add(List.of("", "a", "b.c", "0", "x_y", "in").get(random.nextInt(6)));
                }
                terms.add(new Term(
                        List.of("in", "notin", "a", "x.y/z", "A-1").get(random.nextInt(5)),
                        values,
                        random.nextBoolean()));
            }
            Selector selector = Selector.of(terms);
            assertThat(Selector.parse(selector.toString())).isEqualTo(selector);
        }
    }
}
