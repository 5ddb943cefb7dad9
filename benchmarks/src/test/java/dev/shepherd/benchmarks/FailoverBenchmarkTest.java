package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class FailoverBenchmarkTest {

    private static final Pattern OVER = Pattern.compile("\"([a-z]+_over_[a-z]+)\":(-?[0-9]+)");

    /** Far above what is promised, for a machine that is busy, and below the timeout of an answer. */
    private static final int LONGEST_MILLIS = 15_000;

    @Test
    @Tag("slow")
    void aManagerGoesOnSoonAfterTheDatabaseHoweverThePrimaryIsLost() throws Exception {
        BenchmarkRun run = BenchmarkRun.of("failover", "--rounds", "1", "--gap-ms", "2000", "--json");

        assertThat(run.code()).as(run.err()).isZero();
        Matcher over = OVER.matcher(run.out());
        int figures = 0;
        while (over.find()) {
            assertThat(Integer.parseInt(over.group(2))).as(over.group(1)).isLessThan(LONGEST_MILLIS);
            figures++;
        }
        assertThat(figures).as(run.out()).isEqualTo(4 * 3);
    }
}
