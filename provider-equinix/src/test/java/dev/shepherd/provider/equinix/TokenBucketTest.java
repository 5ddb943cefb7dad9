package dev.shepherd.provider.equinix;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

class TokenBucketTest {

    private final FakeTicker ticker = new FakeTicker();

    private long inAnHour() {
        return ticker.nanos() + Duration.ofHours(1).toNanos();
    }

    @Test
    void aBurstPassesAtOnceAndTheOthersAtTheRate() throws Exception {
        TokenBucket bucket = new TokenBucket(10, 3, ticker);

        for (int i = 0; i < 6; i++) {
            assertThat(bucket.acquire(inAnHour())).isEmpty();
        }

        assertThat(ticker.sleeps())
                .containsExactly(Duration.ofMillis(100), Duration.ofMillis(100), Duration.ofMillis(100));
    }

    @Test
    void aRestGivesNoMoreThanOneBurst() throws Exception {
        TokenBucket bucket = new TokenBucket(10, 2, ticker);
        ticker.advance(Duration.ofHours(1));

        for (int i = 0; i < 4; i++) {
            bucket.acquire(inAnHour());
        }

        assertThat(ticker.sleeps()).hasSize(2);
    }

    @Test
    void whoWouldWaitBeyondItsDeadlineIsToldSoAtOnceAndTakesNobodysTurn() throws Exception {
        TokenBucket bucket = new TokenBucket(1, 1, ticker);
        bucket.acquire(inAnHour());

        assertThat(bucket.acquire(ticker.nanos() + Duration.ofMillis(999).toNanos()))
                .contains(Duration.ofSeconds(1));
        assertThat(ticker.sleeps()).isEmpty();
        assertThat(bucket.acquire(inAnHour())).isEmpty();
        assertThat(ticker.sleeps()).containsExactly(Duration.ofSeconds(1));
    }

    @Test
    void nobodyPassesDuringAPause() throws Exception {
        TokenBucket bucket = new TokenBucket(10, 3, ticker);
        bucket.pause(Duration.ofSeconds(30));
        bucket.pause(Duration.ofSeconds(5));

        bucket.acquire(inAnHour());

        assertThat(ticker.sleeps()).containsExactly(Duration.ofSeconds(30));
    }

    @Test
    void manyThreadsTogetherKeepToTheRateInRealTime() throws Exception {
        int threads = 8;
        int each = 25;
        TokenBucket bucket = new TokenBucket(200, 4, Ticker.SYSTEM);
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        List<Future<long[]>> passes = new ArrayList<>();
        try {
            for (int i = 0; i < threads; i++) {
                passes.add(executor.submit(() -> {
                    long[] times = new long[each];
                    for (int j = 0; j < each; j++) {
                        assertThat(bucket.acquire(System.nanoTime()
                                        + Duration.ofMinutes(1).toNanos()))
                                .isEmpty();
                        times[j] = System.nanoTime();
                    }
                    return times;
                }));
            }
            List<Long> all = new ArrayList<>();
            for (Future<long[]> pass : passes) {
                Arrays.stream(pass.get()).forEach(all::add);
            }
            all.sort(Long::compare);
            double seconds = (all.get(all.size() - 1) - all.get(0)) / 1e9;
            assertThat(all).hasSize(threads * each);
            // 200 calls, 4 of which pass at once: the others take 5 ms each. The machine's clock may be a little off.
            assertThat(seconds).isGreaterThan(0.97);
        } finally {
            executor.shutdownNow();
        }
    }
}
