package dev.shepherd.provider.equinix;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.provider.equinix.client.Meta;
import dev.shepherd.provider.support.CallThreads;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Reads listings that come a page at a time: the first page alone, since it tells how many there are, and the others
 * several at once. A listing is whole or it fails.
 */
final class Pages {

    /** How often a listing is begun again that changed while it was read. */
    private static final int TRIES = 5;

    /** How many pages a listing may have, even if the API names more. */
    private static final int MOST_PAGES = 10_000;

    private final String name;
    private final CallThreads threads;
    private final int parallelism;
    private final long room;

    /** Reads what a quarter of the heap has room for. */
    Pages(String name, CallThreads threads, int parallelism) {
        this(name, threads, parallelism, Runtime.getRuntime().maxMemory() / 4);
    }

    Pages(String name, CallThreads threads, int parallelism, long room) {
        this.name = name;
        this.threads = threads;
        this.parallelism = parallelism;
        this.room = room;
    }

    /**
     * One page.
     *
     * @param items what is on it
     * @param total how many items all pages have together
     * @param lastPage the number of the last page
     */
    record Page<T>(List<T> items, int total, int lastPage) {

        static <T> Page<T> of(@Nullable List<T> items, @Nullable Meta meta) {
            List<T> all = DeviceMapper.orEmpty(items);
            Integer total = meta == null ? null : meta.getTotal();
            Integer lastPage = meta == null ? null : meta.getLastPage();
            return new Page<>(all, total == null ? all.size() : total, lastPage == null ? 1 : lastPage);
        }

        <S> Page<S> map(Function<T, S> function) {
            return new Page<>(items.stream().map(function).toList(), total, lastPage);
        }
    }

    /** Reads a page, from 1, and does so again where that helps. */
    @FunctionalInterface
    interface Reader<T> {
        Page<T> read(int page) throws InterruptedException;
    }

    /**
     * Reads all pages.
     *
     * @param what what is listed, as in a message
     * @param id tells the items apart
     * @param size how much of the heap an item takes, in bytes
     * @throws ProviderException as the reader does, or {@link Reason#TRANSIENT} if the list changes faster than it can
     *     be read: items move to other pages when others come and go, and would be missed or met twice. {@link
     *     Reason#PERMANENT} if there are more items, or pages, than there is room for
     */
    <T> List<T> readAll(String what, Function<T, UUID> id, ToLongFunction<T> size, Reader<T> reader)
            throws InterruptedException {
        for (int i = 0; i < TRIES; i++) {
            Optional<List<T>> whole = tryReadAll(what, id, size, reader);
            if (whole.isPresent()) {
                return whole.get();
            }
        }
        throw new ProviderException(
                Reason.TRANSIENT,
                String.format(
                        Locale.ROOT, "%s: %s changed each of the %d times that they were listed", name, what, TRIES));
    }

    private <T> Optional<List<T>> tryReadAll(
            String what, Function<T, UUID> id, ToLongFunction<T> size, Reader<T> unbounded)
            throws InterruptedException {
        AtomicLong received = new AtomicLong();
        AtomicLong taken = new AtomicLong();
        Reader<T> reader = page -> {
            Page<T> read = unbounded.read(page);
            received.addAndGet(read.items().size());
            long bytes = read.items().stream().mapToLong(size).sum();
            if (taken.addAndGet(bytes) > room || read.lastPage() > MOST_PAGES) {
                throw new ProviderException(
                        Reason.PERMANENT,
                        String.format(
                                Locale.ROOT,
                                "%s: %s are too many: %d pages, of at most %d; %d received, which take %d KiB, and this"
                                        + " process has memory for %d (-Xmx)",
                                name,
                                what,
                                read.lastPage(),
                                MOST_PAGES,
                                received.get(),
                                taken.get() >> 10,
                                room >> 10));
            }
            return read;
        };
        Page<T> first = reader.read(1);
        List<Page<T>> pages = new ArrayList<>();
        pages.add(first);
        if (first.lastPage() > 1) {
            pages.addAll(readOthers(first.lastPage(), reader));
        }
        Map<UUID, T> items = new LinkedHashMap<>();
        for (Page<T> page : pages) {
            page.items().forEach(item -> items.put(id.apply(item), item));
        }
        boolean whole = items.size() == first.total() && pages.stream().allMatch(page -> page.total() == first.total());
        return whole ? Optional.of(new ArrayList<>(items.values())) : Optional.empty();
    }

    private <T> List<Page<T>> readOthers(int lastPage, Reader<T> reader) throws InterruptedException {
        AtomicInteger next = new AtomicInteger(2);
        List<Future<List<Page<T>>>> readers = new ArrayList<>();
        try {
            for (int i = 0; i < Math.min(parallelism, lastPage - 1); i++) {
                readers.add(threads.submit(() -> {
                    List<Page<T>> read = new ArrayList<>();
                    for (int page = next.getAndIncrement(); page <= lastPage; page = next.getAndIncrement()) {
                        read.add(reader.read(page));
                    }
                    return read;
                }));
            }
            List<Page<T>> pages = new ArrayList<>();
            for (Future<List<Page<T>>> task : readers) {
                pages.addAll(task.get());
            }
            return pages;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException failure) {
                throw failure;
            }
            throw new IllegalStateException(e.getCause());
        } finally {
            readers.forEach(task -> task.cancel(true));
        }
    }
}
