package dev.shepherd.testkit.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DoubledJsonTest {

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "[] | []",
                "[1] | [1,1]",
                "[12 , \"a, b\"] | [12,12 , \"a, b\",\"a, b\"]",
                "[null, true, -1.5e3] | [null,null, true,true, -1.5e3,-1.5e3]",
                "[[1, [2]], {\"a\": [3]}] | [[1, [2]],[1, [2]], {\"a\": [3]},{\"a\": [3]}]",
                "{\"a\": 1, \"b\": {\"c\": [1]}, \"d\": [\"\u20ac\\n\"], \"e\": [5]} "
                        + "| {\"a\": 1, \"b\": {\"c\": [1]}, \"d\": [\"\u20ac\\n\",\"\u20ac\\n\"], \"e\": [5]}"
            })
    void eachElementOfTheFirstArrayIsThereTwice(String json, String doubled) {
        assertThat(DoubledJson.of(json)).isEqualTo(doubled);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "1", "{}", "{\"a\": {\"b\": []}}", "[1, ", "<html>", "{\"a\" 1}"})
    void whereThereIsNoneThisIsSaid(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DoubledJson.of(text))
                .withMessageContaining("duplicate(…)");
    }
}
