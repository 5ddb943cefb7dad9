package dev.shepherd.provider.staticlist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.shepherd.api.ProviderException.Reason;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ReaderThreadsTest {

    private final CountDownLatch released = new CountDownLatch(1);
    private final ReaderThreads threads = new ReaderThreads("shepherd-provider-racks", Duration.ofMinutes(1));
    private final ReaderThreads hasty = new ReaderThreads("shepherd-provider-racks", Duration.ofMillis(500));

    @AfterEach
    void close() {
        released.countDown();
        threads.close();
        hasty.close();
        Lists.assertNoThreadIsLeft();
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
        Thread thread = threads.call(Thread::currentThread);

        assertThat(thread.getName()).isEqualTo("shepherd-provider-racks-1");
        assertThat(thread.isDaemon()).isTrue();
    }

    @Test
    void aCallThatHangsWhateverIsDoneIsGivenUp() {
        assertThatExceptionOfType(UnreadableListException.class)
                .isThrownBy(() -> hasty.call(this::hang))
                .withMessage("it did not arrive whole within 500 ms")
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.TRANSIENT));
    }

    @Test
    void callsBehindOneThatHangsDoNotHeapUp() throws Exception {
        AtomicInteger started = new AtomicInteger();
        for (int i = 0; i < 3; i++) {
            assertThat(catchThrowable(() -> hasty.call(() -> {
                        started.incrementAndGet();
                        return hang();
                    })))
                    .isInstanceOf(UnreadableListException.class);
        }
        assertThat(started).hasValue(1);

        released.countDown();

        assertThat(hasty.call(() -> "again")).isEqualTo("again");
    }

    @Test
    void aFailureOfACallIsItsCallers() {
        IOException failure = new IOException("broken");

        assertThatThrownBy(() -> threads.call(() -> {
                    throw failure;
                }))
                .isInstanceOf(IOException.class)
                .hasMessage("broken")
                .hasCause(failure);
        assertThatThrownBy(() -> threads.call(() -> {
                    throw new UncheckedIOException(failure);
                }))
                .hasMessage("broken")
                .hasCause(failure);
    }

    @Test
    void whatALibrarySaysOfAUriIsNotPassedOn() {
        assertThatThrownBy(() -> threads.call(() -> {
                    throw new IllegalArgumentException("bad URI http://host/?token=hunter2");
                }))
                .isInstanceOf(UnreadableListException.class)
                .hasMessage("reading it failed unexpectedly: IllegalArgumentException")
                .hasNoCause();
    }

    @Test
    void anErrorStaysAnError() {
        assertThatThrownBy(() -> threads.call(() -> {
                    throw new StackOverflowError();
                }))
                .isInstanceOf(StackOverflowError.class);
    }

    @Test
    void closingEndsACall() throws Exception {
        CountDownLatch running = new CountDownLatch(1);
        CompletableFuture<Throwable> thrown = new CompletableFuture<>();
        new Thread(() -> thrown.complete(catchThrowable(() -> threads.call(() -> {
                    running.countDown();
                    released.await();
                    return "";
                }))))
                .start();
        assertThat(running.await(10, TimeUnit.SECONDS)).isTrue();

        threads.close();

        assertThat(thrown.get(5, TimeUnit.SECONDS))
                .isInstanceOf(UnreadableListException.class)
                .hasMessage("the provider was closed meanwhile");
        Lists.assertNoThreadIsLeft();
        assertThat(catchThrowable(() -> threads.call(() -> "")))
                .isInstanceOf(UnreadableListException.class)
                .hasMessage("the provider was closed meanwhile");
    }

    @Test
    void closingDoesNotWaitLongForACallThatHangsWhateverIsDone() {
        assertThat(catchThrowable(() -> hasty.call(this::hang))).isInstanceOf(UnreadableListException.class);

        long start = System.nanoTime();
        hasty.close();

        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(3));
    }
}
