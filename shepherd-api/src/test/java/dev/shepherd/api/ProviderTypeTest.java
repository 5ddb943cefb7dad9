package dev.shepherd.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ProviderTypeTest {

    @ParameterizedTest
    @ValueSource(strings = {"equinix", "equinix-eu", "e2", "a-1-b"})
    void lowerCaseWordsJoinedByDashesAreTypes(String name) {
        assertThat(new ProviderType(name)).hasToString(name);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "Equinix", "2e", "-a", "a-", "a--b", "a_b", "a b", "equinix\n"})
    void anythingElseIsRefusedAndNamed(String name) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ProviderType(name))
                .withMessageContaining("\"" + name.replace("\n", "\\n") + "\"");
    }

    @ParameterizedTest
    @ValueSource(ints = {64, 1000})
    void aLongNameIsRefused(int length) {
        assertThat(new ProviderType("x".repeat(63)).name()).hasSize(63);
        assertThatIllegalArgumentException().isThrownBy(() -> new ProviderType("x".repeat(length)));
    }
}
