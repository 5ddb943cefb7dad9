package dev.shepherd.api.internal;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Warns of failures that may come by the thousand: the first of a kind is logged at once, then a line a minute says how
 * many followed and what the first of them was, and one line says when they have stopped. No failure goes unreported as
 * long as {@link #flush()} is called now and then. Safe for use by several threads.
 */
public final class FailureLog {

    /** The least time between two lines of a kind. */
    public static final Duration PAUSE = Duration.ofMinutes(1);

    private static final int MOST_CHARACTERS = 400;

    private final Consumer<String> warnings;
    private final Consumer<String> news;
    private final LongSupplier nanos;
    private final Object lock = new Object();
    private final Map<String, Kind> kinds = new HashMap<>();

    private static final class Kind {
        private long loggedAt;
        private long since;
        private String first = "";
    }

    /**
     * Makes a log.
     *
     * @param warnings where lines on failures go
     * @param news where a line goes that says that a failure is over
     * @param nanos the time, as of {@link System#nanoTime()}
     */
    public FailureLog(Consumer<String> warnings, Consumer<String> news, LongSupplier nanos) {
        this.warnings = warnings;
        this.news = news;
        this.nanos = nanos;
    }

    /**
     * Takes note of a failure.
     *
     * @param kind what lines begin with; one of a few, never made of what others sent
     * @param cause what happened; brought to one line of at most 400 characters
     */
    public void failed(String kind, @Nullable String cause) {
        synchronized (lock) {
            long now = nanos.getAsLong();
            Kind known = kinds.get(kind);
            if (known == null) {
                known = new Kind();
                known.loggedAt = now;
                kinds.put(kind, known);
                warnings.accept(kind + ": " + line(cause));
                return;
            }
            if (known.since++ == 0) {
                known.first = line(cause);
            }
            logIfDue(kind, known, now);
        }
    }

    /** Logs what has been waiting for a minute. To be called every few seconds. */
    public void flush() {
        synchronized (lock) {
            long now = nanos.getAsLong();
            kinds.entrySet().removeIf(entry -> !logIfDue(entry.getKey(), entry.getValue(), now));
        }
    }

    /** Tells whether nothing has failed for a minute. */
    public boolean isQuiet() {
        synchronized (lock) {
            return kinds.isEmpty();
        }
    }

    /** Returns false if nothing failed for the whole of the pause. */
    private boolean logIfDue(String kind, Kind known, long now) {
        if (now - known.loggedAt < PAUSE.toNanos()) {
            return true;
        }
        if (known.since == 0) {
            news.accept(kind + ": no more for " + PAUSE.toSeconds() + " s");
            return false;
        }
        warnings.accept(kind + ": " + known.since + " more within " + Math.round((now - known.loggedAt) / 1e9)
                + " s; the first: " + known.first);
        known.loggedAt = now;
        known.since = 0;
        return true;
    }

    private static String line(@Nullable String text) {
        String line = String.valueOf(text).replaceAll("[\\s\\p{Cntrl}]+", " ");
        return line.length() <= MOST_CHARACTERS ? line : line.substring(0, MOST_CHARACTERS) + "…";
    }
}
