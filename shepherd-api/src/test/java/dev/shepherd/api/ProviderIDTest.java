package dev.shepherd.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ProviderIDTest {

    @ParameterizedTest
    @ValueSource(strings = {"a", "0b5a1a3e-6f5c-4c02-8e8a-6a3c64c7f2a1", "rack 7/slot 3", "Invalid", "ünïcode"})
    void anyTextThatIsNotBlankIsAnId(String text) {
        ProviderID id = new ProviderID(text);

        assertThat(id.isValid()).isTrue();
        assertThat(id).hasToString(text).isEqualTo(new ProviderID(text));
    }

    @Test
    void theLongestIdHas128Characters() {
        assertThat(new ProviderID("x".repeat(128)).isValid()).isTrue();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ProviderID("x".repeat(129)))
                .withMessageContaining("at most 128")
                .withMessageContaining("129");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "\t"})
    void aBlankIdIsRefused(String text) {
        assertThatIllegalArgumentException().isThrownBy(() -> new ProviderID(text));
    }

    @Test
    void controlCharactersAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new ProviderID("a\nb"));
        assertThatIllegalArgumentException().isThrownBy(() -> new ProviderID("a\u0000b"));
        assertThatIllegalArgumentException().isThrownBy(() -> new ProviderID("a\u2028b"));
    }

    @Test
    void halfACharacterIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new ProviderID("rack-\ud83d"));
    }

    @Test
    void onlyInvalidIsNotValid() {
        assertThat(ProviderID.INVALID.isValid()).isFalse();
        assertThat(new ProviderID("invalid")).isEqualTo(ProviderID.INVALID);
    }
}
