package dev.shepherd.api.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class FailureLogTest {

    private final AtomicLong seconds = new AtomicLong(1_000);

    private final List<String> lines = new ArrayList<>();

    private List<String> logged(Runnable actions) {
        lines.clear();
        actions.run();
        return List.copyOf(lines);
    }

    @Test
    void theFirstFailureIsLoggedAtOnceAndThenALineAMinuteSaysHowManyThereAre() {
        FailureLog log = new FailureLog(lines::add, lines::add, () -> TimeUnit.SECONDS.toNanos(seconds.get()));

        assertThat(logged(() -> {
                    for (int i = 0; i < 2_351; i++) {
                        log.failed("Calls fail", "disk\nfull\u001b[2J " + i);
                    }
                    log.failed("Others fail", "x".repeat(1_000));
                }))
                .containsExactly("Calls fail: disk full [2J 0", "Others fail: " + "x".repeat(400) + "…");
        assertThat(logged(() -> {
                    seconds.addAndGet(59);
                    log.flush();
                }))
                .isEmpty();
        assertThat(logged(() -> {
                    seconds.addAndGet(1);
                    log.flush();
                    log.failed("Calls fail", "later");
                }))
                .containsExactlyInAnyOrder(
                        "Calls fail: 2350 more within 60 s; the first: disk full [2J 1",
                        "Others fail: no more for 60 s");
        assertThat(logged(() -> {
                    seconds.addAndGet(60);
                    log.failed("Others fail", "again");
                    log.flush();
                }))
                .containsExactly("Others fail: again", "Calls fail: 1 more within 60 s; the first: later");
        assertThat(log.isQuiet()).isFalse();
        assertThat(logged(() -> {
                    seconds.addAndGet(60);
                    log.flush();
                }))
                .containsExactlyInAnyOrder("Calls fail: no more for 60 s", "Others fail: no more for 60 s");
        assertThat(log.isQuiet()).isTrue();
    }
}
