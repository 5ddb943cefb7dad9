package dev.shepherd.provider.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.provider.support.CallGate.Turn;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class CallGateTest {

    private static final Duration HOUR = Duration.ofHours(1);

    /** A time that passes as fast as it is waited for, and remembers the waits. */
    private static final class WaitedFor implements Ticker {
        private final List<Duration> sleeps = new ArrayList<>();
        private long now = 1_000_000_000L;

        @Override
        public long nanos() {
            return now;
        }

        @Override
        public void sleep(Duration duration) {
            now += duration.toNanos();
            sleeps.add(duration);
        }
    }

    private final WaitedFor ticker = new WaitedFor();

    private static void pass(CallGate gate) throws InterruptedException {
        gate.enter("asking", HOUR).close();
    }

    private static ProviderException refusal(CallGate gate, Duration limit) {
        return catchThrowableOfType(ProviderException.class, () -> gate.enter("asking", limit));
    }

    @Test
    void aBurstPassesAtOnceAndTheOthersAtTheRate() throws Exception {
        CallGate gate = CallGate.of(3, 10, ticker);

        for (int i = 0; i < 6; i++) {
            pass(gate);
        }

        assertThat(ticker.sleeps)
                .containsExactly(Duration.ofMillis(100), Duration.ofMillis(100), Duration.ofMillis(100));
    }

    @Test
    void aRestGivesNoMoreThanOneBurst() throws Exception {
        CallGate gate = CallGate.of(2, 10, ticker);
        ticker.now += HOUR.toNanos();

        for (int i = 0; i < 4; i++) {
            pass(gate);
        }

        assertThat(ticker.sleeps).hasSize(2);
    }

    @Test
    void aCallerWhoWouldWaitForTooLongIsToldSoAtOnceAndTakesNoTurnOfOthers() throws Exception {
        CallGate gate = CallGate.of(1, 1, ticker);
        pass(gate);

        ProviderException refusal = refusal(gate, Duration.ofMillis(999));
        assertThat(refusal.reason()).isEqualTo(Reason.RATE_LIMITED);
        assertThat(refusal.retryAfter()).contains(Duration.ofSeconds(1));
        assertThat(refusal)
                .hasMessage("asking was not sent: its turn under the rate limit would not come for another 1 s");
        assertThat(ticker.sleeps).isEmpty();
        pass(gate);
        assertThat(ticker.sleeps).containsExactly(Duration.ofSeconds(1));
    }

    @Test
    void noCallPassesDuringAPause() throws Exception {
        CallGate gate = CallGate.of(3, 10, ticker);
        gate.pause(Duration.ofSeconds(30));
        gate.pause(Duration.ofSeconds(5));

        pass(gate);

        assertThat(ticker.sleeps).containsExactly(Duration.ofSeconds(30));
    }

    @Test
    void aPauseHoldsWhereThereIsNoRateToo() {
        CallGate gate = CallGate.of(1);
        gate.pause(HOUR);

        assertThat(refusal(gate, Duration.ofMinutes(1)).retryAfter().orElseThrow())
                .isBetween(Duration.ofMinutes(59), HOUR);
    }

    @Test
    void noMoreCallsThanAllowedAreUnderWayAtOnce() throws Exception {
        CallGate gate = CallGate.of(1);
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try {
            Turn first = gate.enter("asking", HOUR);
            assertThat(refusal(gate, Duration.ofMillis(10)))
                    .hasMessage("asking was not sent: 1 other call(s) took all the time it had");
            CountDownLatch waiting = new CountDownLatch(1);
            Future<?> second = executor.submit(() -> {
                waiting.countDown();
                pass(gate);
                return null;
            });
            assertThat(waiting.await(10, TimeUnit.SECONDS)).isTrue();
            assertThat(second.isDone()).isFalse();

            first.close();
            first.close();

            second.get(10, TimeUnit.SECONDS);
            Turn third = gate.enter("asking", HOUR);
            assertThat(refusal(gate, Duration.ofMillis(10)))
                    .as("closed twice is closed once")
                    .isNotNull();
            third.close();
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    void manyThreadsTogetherKeepToTheRateInRealTime() throws Exception {
        int threads = 8;
        int each = 25;
        CallGate gate = CallGate.of(4, 200, Ticker.SYSTEM);
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        List<Future<long[]>> passes = new ArrayList<>();
        try {
            for (int i = 0; i < threads; i++) {
                passes.add(executor.submit(() -> {
                    long[] times = new long[each];
                    for (int j = 0; j < each; j++) {
                        pass(gate);
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
