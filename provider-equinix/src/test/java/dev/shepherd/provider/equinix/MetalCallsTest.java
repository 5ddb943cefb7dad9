package dev.shepherd.provider.equinix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.provider.equinix.MetalCalls.Kind;
import dev.shepherd.provider.equinix.client.ApiException;
import dev.shepherd.provider.support.CallThreads;
import dev.shepherd.provider.support.Excerpts;
import dev.shepherd.provider.support.Ticker;
import dev.shepherd.testkit.MutableClock;
import java.io.IOException;
import java.net.ConnectException;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpHeaders;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class MetalCallsTest {

    private static final String TOKEN = "hunter2";

    private final FakeTicker ticker = new FakeTicker();
    private final MutableClock clock = new MutableClock();
    private final CallThreads threads = new CallThreads("test-calls");
    private final AtomicInteger attempts = new AtomicInteger();

    @AfterEach
    void end() {
        threads.close();
    }

    private MetalCalls calls(Ticker ticker, CallSettings settings) {
        return new MetalCalls(
                "provider test",
                settings,
                threads,
                MetalApi.mapper(),
                Excerpts.hiding(TOKEN),
                ticker,
                clock,
                new Random(1));
    }

    private MetalCalls calls() {
        return calls(ticker, settings(Duration.ofSeconds(30), 3));
    }

    private static CallSettings settings(Duration attemptTimeout, int concurrent) {
        return new CallSettings(
                attemptTimeout,
                Duration.ofMinutes(2),
                Duration.ofMillis(500),
                Duration.ofSeconds(20),
                1000,
                concurrent);
    }

    private static ApiException answer(int status, String body, String... headers) {
        Map<String, List<String>> all = headers.length == 0 ? Map.of() : Map.of(headers[0], List.of(headers[1]));
        return new ApiException(status, "as generated: " + body, HttpHeaders.of(all, (name, value) -> true), body);
    }

    private static ApiException error(int status) {
        return answer(status, "{\"errors\": [\"first thing\", \"second thing\"]}");
    }

    /** Fails the first attempts as given, and then succeeds. */
    private MetalCalls.Request<String> failing(ApiException... failures) {
        return () -> {
            int attempt = attempts.getAndIncrement();
            if (attempt < failures.length) {
                throw failures[attempt];
            }
            return "done";
        };
    }

    private MetalCalls.Request<String> alwaysFailing(ApiException failure) {
        return () -> {
            attempts.incrementAndGet();
            throw failure;
        };
    }

    private ProviderException failureOf(Kind kind, ApiException failure) {
        return catchThrowableOfType(
                ProviderException.class, () -> calls().call("testing", kind, alwaysFailing(failure)));
    }

    @ParameterizedTest
    @CsvSource({
        "400, PERMANENT",
        "401, UNAUTHENTICATED",
        "402, PERMANENT",
        "403, UNAUTHENTICATED",
        "404, NOT_FOUND",
        "405, PERMANENT",
        "409, CONFLICT",
        "410, PERMANENT",
        "422, PERMANENT",
        "302, PERMANENT",
    })
    void anErrorThatWillNotPassIsFinalAtOnceAndSaysWhatTheApiSays(int status, Reason reason) {
        ProviderException failure = failureOf(Kind.READ, error(status));

        assertThat(failure.reason()).isEqualTo(reason);
        assertThat(failure)
                .hasMessage("provider test: testing failed: the API answers " + status + ": first thing; second thing");
        assertThat(attempts).hasValue(1);
        assertThat(ticker.sleeps()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "408, TRANSIENT",
        "425, TRANSIENT",
        "429, RATE_LIMITED",
        "500, TRANSIENT",
        "502, TRANSIENT",
        "503, TRANSIENT",
        "504, TRANSIENT"
    })
    void anErrorThatMayPassIsTriedAgainUntilTheTimeIsOver(int status, Reason reason) throws Exception {
        assertThat(calls().call("testing", Kind.READ, failing(error(status), error(status), error(status))))
                .isEqualTo("done");
        assertThat(attempts).hasValue(4);

        attempts.set(0);
        ProviderException failure = failureOf(Kind.READ, error(status));
        assertThat(failure.reason()).isEqualTo(reason);
        assertThat(failure)
                .hasMessageMatching("provider test: testing failed \\d+ times: the API answers " + status
                        + ": first thing; second thing");
        assertThat(attempts.get()).isGreaterThan(5);
    }

    @ParameterizedTest
    @ValueSource(ints = {408, 425, 429})
    void whatTheApiDidNotTakeIsTriedAgainWhateverItWas(int status) throws Exception {
        for (Kind kind : Kind.values()) {
            attempts.set(0);
            assertThat(calls().call("testing", kind, failing(error(status)))).isEqualTo("done");
            assertThat(attempts).as("%s", kind).hasValue(2);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {500, 502, 503, 504})
    void whatTheApiMayHaveDoneIsNotTriedAgainBlindly(int status) {
        for (Kind kind : List.of(Kind.CREATION, Kind.DEVICE_ACTION)) {
            attempts.set(0);
            ProviderException failure = failureOf(kind, error(status));
            assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
            assertThat(attempts).as("%s", kind).hasValue(1);
        }
    }

    @Test
    void aBrokenConnectionIsTriedAgainWhereThatDoesNoHarm() throws Exception {
        ApiException broken = new ApiException(new IOException("connection reset"));
        assertThat(calls().call("testing", Kind.READ, failing(broken))).isEqualTo("done");
        assertThat(calls().call("testing", Kind.REPEATABLE_WRITE, failing(broken)))
                .isEqualTo("done");

        attempts.set(0);
        ProviderException failure = failureOf(Kind.CREATION, broken);
        assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
        assertThat(failure).hasMessageEndingWith("the API gave no whole answer: IOException: connection reset");
        assertThat(attempts).hasValue(1);
    }

    @Test
    void aConnectionThatWasNeverMadeIsTriedAgainWhateverWasToBeSent() throws Exception {
        for (Kind kind : Kind.values()) {
            for (IOException cause :
                    List.of(new ConnectException("refused"), new HttpConnectTimeoutException("late"))) {
                attempts.set(0);
                assertThat(calls().call("testing", kind, failing(new ApiException(cause))))
                        .isEqualTo("done");
                assertThat(attempts).hasValue(2);
            }
        }
    }

    @Test
    void aConflictPassesOnlyWhereItMeansThatADeviceIsInTransition() throws Exception {
        assertThat(calls().call("testing", Kind.DEVICE_ACTION, failing(error(409), error(409))))
                .isEqualTo("done");
        attempts.set(0);

        ProviderException later = failureOf(Kind.DEVICE_ACTION, error(409));
        assertThat(later.reason()).isEqualTo(Reason.CONFLICT);
        assertThat(attempts.get()).isGreaterThan(5);

        attempts.set(0);
        assertThat(failureOf(Kind.CREATION, error(409)).reason()).isEqualTo(Reason.CONFLICT);
        assertThat(attempts).hasValue(1);
    }

    @Test
    void theWaitsAreChosenByChanceBelowABoundThatDoubles() throws Exception {
        ApiException[] failures = new ApiException[8];
        java.util.Arrays.fill(failures, error(500));
        List<Long> waits = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            attempts.set(0);
            int before = ticker.sleeps().size();
            calls().call("testing", Kind.READ, failing(failures));
            List<Duration> sleeps =
                    ticker.sleeps().subList(before, ticker.sleeps().size());
            assertThat(sleeps).hasSize(8);
            long bound = 500;
            for (Duration sleep : sleeps) {
                assertThat(sleep.toMillis()).isBetween(0L, bound);
                waits.add(sleep.toMillis());
                bound = Math.min(bound * 2, 20_000);
            }
        }
        assertThat(waits).anyMatch(wait -> wait > 10_000);
    }

    @Test
    void differentCallersDoNotComeBackTogether() throws Exception {
        MetalCalls calls = calls();
        for (int i = 0; i < 50; i++) {
            attempts.set(0);
            calls.call("testing", Kind.READ, failing(error(500)));
        }
        assertThat(ticker.sleeps()).doesNotHaveDuplicates().hasSize(50);
        assertThat(ticker.sleeps()).anyMatch(wait -> wait.toMillis() < 125).anyMatch(wait -> wait.toMillis() > 375);
    }

    @Test
    void retryAfterIsObeyedInSecondsAndAsADate() throws Exception {
        calls().call("testing", Kind.READ, failing(answer(429, "", "Retry-After", "17")));
        assertThat(ticker.sleeps()).containsExactly(Duration.ofSeconds(17));

        attempts.set(0);
        // The clock stands at 12:00:00.
        calls().call("testing", Kind.READ, failing(answer(503, "", "Retry-After", "Tue, 01 Jan 2030 12:00:42 GMT")));
        assertThat(ticker.sleeps()).containsExactly(Duration.ofSeconds(17), Duration.ofSeconds(42));
    }

    @Test
    void aRetryAfterHoldsTheOtherCallsTooSinceTheyAreCountedTogether() throws Exception {
        MetalCalls calls = calls();
        calls.call("testing", Kind.READ, failing(answer(429, "", "Retry-After", "17")));
        long after = ticker.nanos();
        ticker.advance(Duration.ofHours(1));

        attempts.set(0);
        catchThrowable(() -> calls.call("testing", Kind.READ, alwaysFailing(answer(429, "", "Retry-After", "600"))));
        assertThat(attempts).hasValue(1);
        attempts.set(0);
        ProviderException next =
                catchThrowableOfType(ProviderException.class, () -> calls.call("other", Kind.READ, failing()));
        assertThat(next.reason()).isEqualTo(Reason.RATE_LIMITED);
        assertThat(next.retryAfter()).contains(Duration.ofSeconds(600));
        assertThat(attempts).as("requests sent during the pause").hasValue(0);
        assertThat(after).isLessThan(ticker.nanos());
    }

    @Test
    void aRetryAfterBeyondTheTimeOfTheCallIsHandedToTheCallerAtOnce() {
        ProviderException failure =
                failureOf(Kind.READ, answer(429, "{\"errors\":[\"slow down\"]}", "Retry-After", "3600"));

        assertThat(failure.reason()).isEqualTo(Reason.RATE_LIMITED);
        assertThat(failure.retryAfter()).contains(Duration.ofHours(1));
        assertThat(attempts).hasValue(1);
        assertThat(ticker.sleeps()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"soon", "-5", "1.5", "18446744073709551615", "Wed, 99 Foo 2030"})
    void aRetryAfterThatCannotBeReadIsNone(String text) throws Exception {
        calls().call("testing", Kind.READ, failing(answer(429, "", "Retry-After", text)));

        assertThat(ticker.sleeps())
                .singleElement()
                .satisfies(wait -> assertThat(wait).isLessThanOrEqualTo(Duration.ofMillis(500)));
    }

    @Test
    void allAttemptsTogetherKeepToTheTotalTime() {
        long begun = ticker.nanos();
        failureOf(Kind.READ, error(500));

        assertThat(Duration.ofNanos(ticker.nanos() - begun)).isLessThanOrEqualTo(Duration.ofMinutes(2));
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void anAttemptThatHangsIsGivenUp(Kind kind) throws Exception {
        CountDownLatch interrupted = new CountDownLatch(1);
        MetalCalls calls = calls(Ticker.SYSTEM, settings(Duration.ofMillis(50), 1));
        MetalCalls.Request<String> hanging = () -> {
            if (attempts.getAndIncrement() == 0) {
                try {
                    new CountDownLatch(1).await();
                } catch (InterruptedException e) {
                    interrupted.countDown();
                }
            }
            return "done";
        };

        boolean repeatable = kind == Kind.READ || kind == Kind.REPEATABLE_WRITE;
        if (repeatable) {
            assertThat(calls.call("testing", kind, hanging)).isEqualTo("done");
        } else {
            ProviderException failure =
                    catchThrowableOfType(ProviderException.class, () -> calls.call("testing", kind, hanging));
            assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
            assertThat(failure).hasMessage("provider test: testing failed: no answer within 50 ms");
        }
        assertThat(interrupted.await(10, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void noMoreRequestsThanAllowedAreUnderWayAtOnce() throws Exception {
        MetalCalls calls = calls(Ticker.SYSTEM, settings(Duration.ofSeconds(30), 3));
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        CountDownLatch three = new CountDownLatch(3);
        ExecutorService executor = Executors.newFixedThreadPool(12);
        try {
            List<Future<String>> all = new ArrayList<>();
            for (int i = 0; i < 60; i++) {
                all.add(executor.submit(() -> calls.call("testing", Kind.READ, () -> {
                    most.accumulateAndGet(running.incrementAndGet(), Math::max);
                    three.countDown();
                    try {
                        three.await(10, TimeUnit.SECONDS);
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                    running.decrementAndGet();
                    return "done";
                })));
            }
            for (Future<String> call : all) {
                assertThat(call.get(30, TimeUnit.SECONDS)).isEqualTo("done");
            }
        } finally {
            executor.shutdownNow();
        }
        assertThat(most).hasValue(3);
    }

    @Test
    void aCallThatWaitsForItsNextAttemptLeavesItsPlaceToOthers() throws Exception {
        CountDownLatch waiting = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        Ticker held = new Ticker() {
            @Override
            public long nanos() {
                return System.nanoTime();
            }

            @Override
            public void sleep(Duration duration) throws InterruptedException {
                if (duration.compareTo(Duration.ofMillis(10)) > 0) {
                    waiting.countDown();
                    goOn.await();
                }
            }
        };
        MetalCalls calls = calls(held, settings(Duration.ofSeconds(30), 1));
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try {
            Future<String> first = executor.submit(
                    () -> calls.call("testing", Kind.READ, failing(error(500), error(500), error(500))));
            assertThat(waiting.await(10, TimeUnit.SECONDS)).isTrue();

            assertThat(calls.call("other", Kind.READ, () -> "other")).isEqualTo("other");

            goOn.countDown();
            assertThat(first.get(30, TimeUnit.SECONDS)).isEqualTo("done");
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    void anInterruptionEndsTheCallAndTheRequest() throws Exception {
        MetalCalls calls = calls(Ticker.SYSTEM, settings(Duration.ofSeconds(30), 1));
        CountDownLatch sent = new CountDownLatch(1);
        CountDownLatch ended = new CountDownLatch(1);
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try {
            Future<String> call = executor.submit(() -> calls.call("testing", Kind.READ, () -> {
                sent.countDown();
                try {
                    new CountDownLatch(1).await();
                } catch (InterruptedException e) {
                    ended.countDown();
                }
                return "too late";
            }));
            assertThat(sent.await(10, TimeUnit.SECONDS)).isTrue();
            call.cancel(true);
            assertThat(ended.await(10, TimeUnit.SECONDS)).isTrue();

            assertThat(calls.call("other", Kind.READ, () -> "place")).isEqualTo("place");
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    void afterTheEndNothingIsSentAndNoThreadIsLeft() throws Exception {
        MetalCalls calls = calls();
        calls.call("testing", Kind.READ, () -> "done");
        threads.close();

        assertThat(catchThrowable(() -> calls.call("testing", Kind.READ, failing())))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        assertThat(attempts).hasValue(0);
        await().until(() -> Thread.getAllStackTraces().keySet().stream()
                .noneMatch(thread -> thread.getName().startsWith("test-calls")));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"errors\": [\"You are not allowed\"]} | You are not allowed",
                "{\"error\": \"You are not allowed\"} | You are not allowed",
                "{\"errors\": [\"one\", \"two\"], \"more\": {\"x\": 1}} | one; two",
                "<html>Bad gateway</html> | <html>Bad gateway</html>",
                "'' | nothing more",
                "{\"errors\": [\"token hunter2 is wrong\"]} | token *** is wrong",
                "{\"errors\": [\"line\\nINFO forged \\u001b[31m\"]} | line\\nINFO forged \\u001b[31m",
            })
    void whatTheApiSaysIsShownInOneLineWithoutSecrets(String body, String shown) {
        ProviderException failure = failureOf(Kind.READ, answer(422, body));

        assertThat(failure)
                .hasMessage("provider test: testing failed: the API answers 422: " + shown)
                .hasNoCause();
    }
}
