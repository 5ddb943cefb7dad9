package dev.shepherd.bmdb.labels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.RecoveryPolicy;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LabelLimitTest {

    @Test
    void aKeyAloneMakesAGroupOfEachValue() {
        LabelLimit limit = LabelLimit.parse(" 1 of  raft-group ");

        assertThat(limit).hasToString("1 of raft-group").isEqualTo(LabelLimit.ofEachValue(1, "raft-group"));
        assertThat(limit.isOfEachValue()).isTrue();
        assertThat(limit.machines()).isOne();
        assertThat(limit.group(Map.of("raft-group", "17", "rack", "7"))).contains(Selector.parse("raft-group=17"));
        assertThat(limit.group(Map.of("raft-group", ""))).contains(Selector.parse("raft-group="));
        assertThat(limit.group(Map.of("rack", "7"))).isEmpty();
    }

    @Test
    void anyOtherSelectorMakesOneGroup() {
        LabelLimit limit = LabelLimit.parse("20 of tier!=db,raft-group");

        assertThat(limit).hasToString("20 of tier!=db,raft-group");
        assertThat(limit.isOfEachValue()).isFalse();
        assertThat(limit.group(Map.of("raft-group", "1"))).contains(limit.selector());
        assertThat(limit.group(Map.of("raft-group", "1", "tier", "db"))).isEmpty();
        assertThat(LabelLimit.of(1, Selector.parse("!rack")).isOfEachValue()).isFalse();
        assertThat(LabelLimit.of(1, Selector.parse("rack=7")).isOfEachValue()).isFalse();
    }

    @Test
    void whatIsNoneIsRefusedInWords() {
        assertThatThrownBy(() -> LabelLimit.parse("raft-group")).hasMessageContaining("such as \"1 of raft-group\"");
        assertThatThrownBy(() -> LabelLimit.parse("0 of raft-group")).hasMessageContaining("from 1 to 1000000");
        assertThatThrownBy(() -> LabelLimit.parse("1 of ")).hasMessageContaining("character 1 of the selector");
        assertThatThrownBy(() -> LabelLimit.parse("1 of a b")).hasMessageContaining("character 3 of the selector");
        assertThatThrownBy(() -> RecoveryPolicy.builder()
                        .labelLimits(Collections.nCopies(17, LabelLimit.parse("1 of a")))
                        .build())
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("labelLimits");
        assertThat(RecoveryPolicy.builder().labelLimits(List.of(LabelLimit.parse("1 of a"))).build().toBuilder()
                        .build()
                        .labelLimits())
                .containsExactly(LabelLimit.parse("1 of a"));
    }
}
