package dev.shepherd.provider.redfish;

import dev.shepherd.api.ProviderException;
import dev.shepherd.provider.support.CallThreads;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Checks many BMCs at the same time. The machines of one BMC come one after the other, on one thread: none spends its time
 * on waiting for another.
 */
final class BmcChecks {

    /** One check. */
    interface Check {
        BmcReport of(BmcEntry entry) throws InterruptedException;
    }

    private final CallThreads threads;
    private final Check check;
    private final Queue<List<BmcEntry>> waiting = new ConcurrentLinkedQueue<>();
    private final BlockingQueue<Optional<BmcReport>> done = new LinkedBlockingQueue<>();

    private BmcChecks(CallThreads threads, Check check) {
        this.threads = threads;
        this.check = check;
    }

    /**
     * Makes checks and hands on their reports, on this thread, as they come.
     *
     * @param atOnce how many at the same time
     * @throws ProviderException as a check does; the others end
     * @throws CancellationException if the threads are closed, before or meanwhile
     */
    static void run(
            CallThreads threads, int atOnce, List<BmcEntry> entries, Check check, Consumer<? super BmcReport> seen)
            throws InterruptedException {
        BmcChecks checks = new BmcChecks(threads, check);
        Map<URI, List<BmcEntry>> byBmc = new LinkedHashMap<>();
        entries.forEach(entry ->
                byBmc.computeIfAbsent(entry.bmc(), bmc -> new ArrayList<>()).add(entry));
        checks.waiting.addAll(byBmc.values());
        List<Future<Boolean>> workers = new ArrayList<>();
        try {
            for (int i = 0; i < Math.min(atOnce, byBmc.size()); i++) {
                workers.add(threads.submit(checks::work));
            }
            checks.handOn(workers.size(), seen);
            for (Future<Boolean> worker : workers) {
                worker.get();
            }
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException failure) {
                throw failure;
            }
            throw new IllegalStateException("a check failed: " + e.getCause(), e.getCause());
        } finally {
            workers.forEach(worker -> worker.cancel(true));
        }
    }

    private boolean work() throws InterruptedException {
        boolean whole = false;
        try {
            for (List<BmcEntry> next = waiting.poll(); next != null; next = waiting.poll()) {
                for (BmcEntry entry : next) {
                    done.add(Optional.of(check.of(entry)));
                }
            }
            whole = true;
            return true;
        } finally {
            if (!whole) {
                waiting.clear();
            }
            done.add(Optional.empty());
        }
    }

    private void handOn(int workers, Consumer<? super BmcReport> seen) throws InterruptedException {
        for (int running = workers; running > 0; ) {
            Optional<BmcReport> next = done.poll(1, TimeUnit.SECONDS);
            if (next == null) {
                if (threads.isClosed()) {
                    throw new CancellationException("the threads are closed");
                }
            } else if (next.isPresent()) {
                seen.accept(next.get());
            } else {
                running--;
            }
        }
    }
}
