package dev.shepherd.provider.staticlist.list;

import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.provider.staticlist.list.ListSource.Content;
import dev.shepherd.provider.staticlist.list.ListSource.Version;
import dev.shepherd.provider.support.CallThreads;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Reads the list on a separate thread, so that no caller waits longer than the timeout: a file on a mount that hangs
 * ignores interruption.
 */
final class ListReader {

    private final ListSource source;
    private final CallThreads threads;
    private final Duration timeout;

    /** Keeps abandoned readings that still hang from piling up: later ones only wait. */
    private final Semaphore oneReading = new Semaphore(1);

    /**
     * Makes a reader that has read nothing yet.
     *
     * @param source what is read
     * @param threads what it is read on; their owner closes them
     * @param timeout how long a reading may take
     */
    ListReader(ListSource source, CallThreads threads, Duration timeout) {
        this.source = source;
        this.threads = threads;
        this.timeout = timeout;
    }

    /**
     * Reads the list, if it has changed.
     *
     * @param known the version that the caller already has, if any
     * @return the document, or empty if it is still the known version
     * @throws UnreadableListException if that takes longer than the timeout, or the threads are closed first; the
     *     reading is interrupted
     * @throws IOException as thrown by the source
     * @throws InterruptedException if the waiting thread is interrupted; so is the reading
     */
    Optional<Content> read(@Nullable Version known) throws IOException, InterruptedException {
        try {
            return threads.call(
                    () -> {
                        oneReading.acquire();
                        try {
                            return source.read(known);
                        } finally {
                            oneReading.release();
                        }
                    },
                    timeout);
        } catch (TimeoutException e) {
            throw UnreadableListException.tooLate(timeout);
        } catch (CancellationException e) {
            throw new UnreadableListException(Reason.TRANSIENT, "the provider was closed meanwhile");
        } catch (ExecutionException e) {
            throw failure(e.getCause());
        }
    }

    private static IOException failure(@Nullable Throwable thrown) {
        for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
            if (cause instanceof UnreadableListException unreadable) {
                return unreadable;
            }
        }
        if (thrown instanceof Error error) {
            throw error;
        }
        Throwable ioFailure = thrown instanceof UncheckedIOException unchecked ? unchecked.getCause() : thrown;
        if (ioFailure instanceof IOException) {
            return new IOException(ioFailure.getMessage(), ioFailure);
        }
        // Not as a cause: what a library says of a URI that it does not like repeats the URI.
        String what = thrown == null ? "nothing" : thrown.getClass().getSimpleName();
        return new UnreadableListException(Reason.TRANSIENT, "reading it failed unexpectedly: " + what);
    }
}
