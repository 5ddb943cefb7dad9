package dev.shepherd.provider.equinix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.provider.equinix.Pages.Page;
import dev.shepherd.provider.support.CallThreads;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PagesTest {

    private final CallThreads threads = new CallThreads("test-pages");
    private final Pages pages = new Pages("provider test", threads, 3);
    private final AtomicInteger reads = new AtomicInteger();

    @AfterEach
    void end() {
        threads.close();
    }

    private static List<UUID> items(int count) {
        return new ArrayList<>(Stream.generate(UUID::randomUUID).limit(count).toList());
    }

    private static Page<UUID> page(List<UUID> all, int page, int size) {
        int from = Math.min(all.size(), (page - 1) * size);
        return new Page<>(
                List.copyOf(all.subList(from, Math.min(all.size(), from + size))),
                all.size(),
                Math.max(1, (all.size() + size - 1) / size));
    }

    private List<UUID> readAll(Pages.Reader<UUID> reader) throws InterruptedException {
        return pages.readAll("the things", id -> id, id -> 1, reader);
    }

    @Test
    void everyItemOfEveryPageIsThereOnce() throws Exception {
        for (int count : new int[] {0, 1, 9, 10, 11, 100, 101}) {
            List<UUID> all = items(count);
            assertThat(readAll(page -> page(all, page, 10))).containsExactlyInAnyOrderElementsOf(all);
        }
    }

    @Test
    void pagesAfterTheFirstAreReadSeveralAtOnce() throws Exception {
        List<UUID> all = items(40);
        CyclicBarrier together = new CyclicBarrier(3);

        assertThat(readAll(page -> {
                    if (page > 1) {
                        try {
                            together.await(10, TimeUnit.SECONDS);
                        } catch (java.util.concurrent.BrokenBarrierException
                                | java.util.concurrent.TimeoutException e) {
                            throw new IllegalStateException("the pages are read one after the other", e);
                        }
                    }
                    return page(all, page, 10);
                }))
                .hasSize(40);
    }

    @Test
    void aListThatChangesWhileItIsReadIsReadAgain() throws Exception {
        List<UUID> all = items(20);

        List<UUID> read = readAll(page -> {
            Page<UUID> result = page(all, page, 10);
            if (reads.getAndIncrement() == 0) {
                all.remove(0); // What was first on the second page is on the first now, which has been read.
            }
            return result;
        });

        assertThat(read).containsExactlyInAnyOrderElementsOf(all);
    }

    @Test
    void aListThatKeepsChangingIsNotReturnedInPart() {
        List<UUID> all = items(30);

        ProviderException failure = catchThrowableOfType(
                ProviderException.class,
                () -> readAll(page -> {
                    if (page == 1) {
                        all.add(UUID.randomUUID());
                    }
                    return page == 1 ? page(all, page, 10) : page(all.subList(0, 29), page, 10);
                }));

        assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
        assertThat(failure).hasMessage("provider test: the things changed each of the 5 times that they were listed");
    }

    @Test
    void aPageThatCannotBeReadIsTheFailureOfTheWhole() {
        List<UUID> all = items(50);

        ProviderException failure = catchThrowableOfType(
                ProviderException.class,
                () -> readAll(page -> {
                    if (page == 4) {
                        throw new ProviderException(Reason.RATE_LIMITED, "page 4");
                    }
                    return page(all, page, 10);
                }));

        assertThat(failure).hasMessage("page 4");
    }

    @Test
    void aListThatNeverEndsIsGivenUpWhateverItSaysOfItself() {
        List<UUID> all = items(10);
        for (Page<UUID> endless :
                List.of(new Page<>(all, Integer.MAX_VALUE, Integer.MAX_VALUE), new Page<>(all, 100_000, 10_000))) {
            reads.set(0);

            assertThatExceptionOfType(ProviderException.class)
                    .isThrownBy(() -> new Pages("provider test", threads, 3, 200)
                            .readAll("the things", id -> id, id -> 1, page -> {
                                reads.incrementAndGet();
                                return endless;
                            }))
                    .withMessageContaining("the things are too many")
                    .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.PERMANENT));
            assertThat(reads).hasValueLessThan(30);
        }
    }
}
