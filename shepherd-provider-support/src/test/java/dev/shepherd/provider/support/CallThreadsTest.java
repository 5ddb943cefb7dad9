package dev.shepherd.provider.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class CallThreadsTest {

    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final Duration SHORT = Duration.ofMillis(500);

    private final CountDownLatch released = new CountDownLatch(1);
    private final CallThreads threads = new CallThreads("test-threads");

    @AfterEach
    void close() {
        released.countDown();
        threads.close();
        assertNoThreadIsLeft();
    }

    private static void assertNoThreadIsLeft() {
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .noneMatch(name -> name.startsWith("test-threads") || name.startsWith("HttpClient-"));
    }

    /** Waits as a file on a mount that hangs does: without heeding interruption. */
    private String hang() {
        while (true) {
            try {
                released.await();
                return "late";
            } catch (InterruptedException e) {
                // As the operating system would.
            }
        }
    }

    @Test
    void aCallRunsOnAThreadOfItsOwn() throws Exception {
        Thread thread = threads.call(Thread::currentThread, MINUTE);

        assertThat(thread.getName()).isEqualTo("test-threads-1");
        assertThat(thread.isDaemon()).isTrue();
    }

    @Test
    void aCallThatHangsWhateverIsDoneIsGivenUp() {
        assertThatExceptionOfType(TimeoutException.class).isThrownBy(() -> threads.call(this::hang, SHORT));
    }

    @Test
    void aCallThatTakesTooLongIsInterrupted() throws Exception {
        CountDownLatch interrupted = new CountDownLatch(1);

        assertThat(catchThrowable(() -> threads.call(
                        () -> {
                            try {
                                return released.await(1, TimeUnit.MINUTES);
                            } catch (InterruptedException e) {
                                interrupted.countDown();
                                throw e;
                            }
                        },
                        SHORT)))
                .isInstanceOf(TimeoutException.class);

        assertThat(interrupted.await(10, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void aFailureOfACallIsItsCallers() {
        IOException failure = new IOException("broken");
        StackOverflowError error = new StackOverflowError();

        for (Throwable thrown : new Throwable[] {failure, error}) {
            assertThatThrownBy(() -> threads.call(
                            () -> {
                                if (thrown instanceof Error e) {
                                    throw e;
                                }
                                throw (Exception) thrown;
                            },
                            MINUTE))
                    .isInstanceOf(ExecutionException.class)
                    .hasCause(thrown);
        }
    }

    @Test
    void closingEndsCallsThatAreWaitedForAndAllLaterOnes() throws Exception {
        CountDownLatch running = new CountDownLatch(2);
        CompletableFuture<Throwable> thrown = new CompletableFuture<>();
        CompletableFuture<Throwable> ofOneThatHangs = new CompletableFuture<>();
        new Thread(() -> thrown.complete(catchThrowable(() -> threads.call(
                        () -> {
                            running.countDown();
                            released.await();
                            return "";
                        },
                        MINUTE))))
                .start();
        new Thread(() -> ofOneThatHangs.complete(catchThrowable(() -> threads.call(
                        () -> {
                            running.countDown();
                            return hang();
                        },
                        MINUTE))))
                .start();
        assertThat(running.await(10, TimeUnit.SECONDS)).isTrue();

        threads.close();

        for (CompletableFuture<Throwable> each : java.util.List.of(thrown, ofOneThatHangs)) {
            assertThat(each.get(5, TimeUnit.SECONDS))
                    .isInstanceOf(CancellationException.class)
                    .hasMessage("test-threads is closed");
        }
        assertThat(threads.isClosed()).isTrue();
        assertThatExceptionOfType(CancellationException.class).isThrownBy(() -> threads.call(() -> "", MINUTE));
        assertThatExceptionOfType(CancellationException.class).isThrownBy(() -> threads.submit(() -> ""));
        assertThatExceptionOfType(CancellationException.class)
                .isThrownBy(() -> threads.client(HttpClient.newBuilder(), 1000));
        released.countDown();
        await().untilAsserted(CallThreadsTest::assertNoThreadIsLeft);
    }

    @Test
    void closingDoesNotWaitLongForACallThatHangsWhateverIsDone() {
        assertThat(catchThrowable(() -> threads.call(this::hang, SHORT))).isInstanceOf(TimeoutException.class);

        long start = System.nanoTime();
        threads.close();

        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(3));
        released.countDown();
        await().untilAsserted(CallThreadsTest::assertNoThreadIsLeft);
    }

    @Test
    void theThreadsOfAClientEndToo() {
        HttpClient client = threads.client(HttpClient.newBuilder(), 1000);
        assertThat(client.executor()).isPresent();
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .anyMatch(name -> name.startsWith("HttpClient-"));

        threads.close();

        assertNoThreadIsLeft();
    }

    @Test
    void aClientEndsWithoutTheOthers() throws Exception {
        CallThreads.OwnedClient first = threads.ownedClient(HttpClient.newBuilder());
        Future<String> beside = threads.submit(this::hang);
        CallThreads.OwnedClient second = threads.ownedClient(HttpClient.newBuilder());
        assertThat(first.threads()).hasSize(1);
        assertThat(second.threads()).hasSize(1).doesNotContainAnyElementsOf(first.threads());

        first.end();

        first.threads().get(0).join(10_000);
        assertThat(first.threads().get(0).isAlive()).isFalse();
        assertThat(second.threads().get(0).isAlive()).isTrue();
        released.countDown();
        assertThat(beside.get(10, TimeUnit.SECONDS)).isEqualTo("late");
    }

    @Test
    void aClientIsMadeOnAnInterruptedThreadTooWhichStaysInterrupted() {
        Thread.currentThread().interrupt();

        assertThat(threads.client(HttpClient.newBuilder(), 1000)).isNotNull();

        assertThat(Thread.interrupted()).isTrue();
    }
}
