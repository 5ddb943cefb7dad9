package dev.shepherd.provider.staticlist.list;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.provider.staticlist.Lists;
import dev.shepherd.provider.support.CallThreads;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ListReaderTest {

    private final CountDownLatch released = new CountDownLatch(1);
    private final CallThreads threads = new CallThreads("shepherd-provider-racks");
    private volatile Callable<String> reading = () -> "";
    private final ListSource source = new ListSource() {
        @Override
        public String location() {
            return "here";
        }

        @Override
        public Optional<Content> read(@Nullable Version known) throws IOException {
            try {
                return Optional.of(new Content(reading.call().getBytes(StandardCharsets.UTF_8), null));
            } catch (IOException | RuntimeException e) {
                throw e;
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }
    };
    private final ListReader patient = new ListReader(source, threads, Duration.ofMinutes(1));
    private final ListReader hasty = new ListReader(source, threads, Duration.ofMillis(500));

    private String read(ListReader reader, Callable<String> reading) throws IOException, InterruptedException {
        this.reading = reading;
        return new String(reader.read(null).orElseThrow().bytes(), StandardCharsets.UTF_8);
    }

    @AfterEach
    void close() {
        released.countDown();
        threads.close();
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
    void aCallThatHangsWhateverIsDoneIsGivenUp() {
        assertThatExceptionOfType(UnreadableListException.class)
                .isThrownBy(() -> read(hasty, this::hang))
                .withMessage("it did not arrive whole within 500 ms")
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.TRANSIENT));
    }

    @Test
    void callsBehindOneThatHangsDoNotHeapUp() throws Exception {
        AtomicInteger started = new AtomicInteger();
        for (int i = 0; i < 3; i++) {
            assertThat(catchThrowable(() -> read(hasty, () -> {
                        started.incrementAndGet();
                        return hang();
                    })))
                    .isInstanceOf(UnreadableListException.class);
        }
        assertThat(started).hasValue(1);

        released.countDown();

        assertThat(read(hasty, () -> "again")).isEqualTo("again");
    }

    @Test
    void aFailureOfACallIsItsCallers() {
        IOException failure = new IOException("broken");

        assertThatThrownBy(() -> read(patient, () -> {
                    throw failure;
                }))
                .isInstanceOf(IOException.class)
                .hasMessage("broken")
                .hasCause(failure);
        assertThatThrownBy(() -> read(patient, () -> {
                    throw new UncheckedIOException(failure);
                }))
                .hasMessage("broken")
                .hasCause(failure);
    }

    @Test
    void whatALibrarySaysOfAUriIsNotPassedOn() {
        assertThatThrownBy(() -> read(patient, () -> {
                    throw new IllegalArgumentException("bad URI http://host/?token=hunter2");
                }))
                .isInstanceOf(UnreadableListException.class)
                .hasMessage("reading it failed unexpectedly: IllegalArgumentException")
                .hasNoCause();
    }

    @Test
    void anErrorStaysAnError() {
        assertThatThrownBy(() -> read(patient, () -> {
                    throw new StackOverflowError();
                }))
                .isInstanceOf(StackOverflowError.class);
    }

    @Test
    void closingEndsACall() throws Exception {
        CountDownLatch running = new CountDownLatch(1);
        CompletableFuture<Throwable> thrown = new CompletableFuture<>();
        new Thread(() -> thrown.complete(catchThrowable(() -> read(patient, () -> {
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
        assertThat(catchThrowable(() -> read(patient, () -> "")))
                .isInstanceOf(UnreadableListException.class)
                .hasMessage("the provider was closed meanwhile");
    }
}
