package dev.shepherd.api.internal;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SizesTest {

    @Test
    void sizesAreSaidAsTheyArePrintedOnThePart() {
        assertThat(Sizes.memory(128L << 30)).isEqualTo("128 GiB");
        assertThat(Sizes.memory(1536L << 20)).isEqualTo("1.5 GiB");
        assertThat(Sizes.memory(1000)).isEqualTo("1000 B");
        assertThat(Sizes.memory(0)).isEqualTo("0 B");
        assertThat(Sizes.disk(1_920_383_410_176L)).isEqualTo("1.92 TB");
        assertThat(Sizes.disk(480_103_981_056L)).isEqualTo("480 GB");
        assertThat(Sizes.disk(999_999_999_999L)).isEqualTo("1 TB");
        assertThat(Sizes.speed(3_125_000_000L)).isEqualTo("25 Gbit/s");
        assertThat(Sizes.speed(312_500_000L)).isEqualTo("2.5 Gbit/s");
        assertThat(Sizes.disk(Long.MAX_VALUE)).isEqualTo("9.22 EB");
        assertThat(Sizes.speed(Long.MAX_VALUE)).isEqualTo("73.8 Ebit/s");
    }
}
