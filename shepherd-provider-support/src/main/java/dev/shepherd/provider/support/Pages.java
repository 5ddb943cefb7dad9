package dev.shepherd.provider.support;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads a listing that comes a page at a time, where each page names the next one: by a marker, a token or a link. It ends:
 * pages that lead round in a circle, or are too many, are a failure. A listing is whole or it fails.
 *
 * <p>It does not see that a list changed while it was read. Where pages are cut by position, an item that moves to a page
 * that was read already is missed: ask such an API for a count before and after, or for one large page.
 */
public final class Pages {

    /** How many pages a listing may have: more are taken for a mistake of the server. */
    private static final int MOST_PAGES = 10_000;

    /** How long the markers of a listing may be, in characters: all of them are remembered. */
    private static final int MOST_CHARACTERS = 4 * 1024 * 1024;

    private Pages() {}

    /** Reads one page. */
    @FunctionalInterface
    public interface Reader {

        /**
         * Reads the page, and shows what is on it to whom it concerns.
         *
         * @param marker what the page before named; empty for the first
         * @return what names the next page; null or empty after the last one
         */
        @Nullable
        String read(String marker) throws InterruptedException;
    }

    /**
     * Reads all pages, one after the other.
     *
     * @param what what is listed, as the words of a message: {@code the servers}
     * @throws ProviderException as the reader does; with {@link Reason#TRANSIENT} if a page after the first is refused,
     *     since what its marker named is gone, or if a page names one that was read before; with {@link Reason#PERMANENT}
     *     if there are more than 10,000, or their markers have more than 4,194,304 characters
     */
    public static void readAll(String what, Reader reader) throws InterruptedException {
        Set<String> read = new HashSet<>();
        long characters = 0;
        String marker = reader.read("");
        while (marker != null && !marker.isEmpty()) {
            characters += marker.length();
            if (characters > MOST_CHARACTERS) {
                throw new ProviderException(
                        Reason.PERMANENT,
                        what + ": what names the pages has more than " + MOST_CHARACTERS + " characters");
            }
            if (!read.add(marker)) {
                throw new ProviderException(
                        Reason.TRANSIENT,
                        what + ": after " + read.size() + " more pages comes one that was read before");
            }
            if (read.size() >= MOST_PAGES) {
                throw new ProviderException(Reason.PERMANENT, what + ": there are more than " + MOST_PAGES + " pages");
            }
            marker = next(what, reader, marker, read.size() + 1);
        }
    }

    private static @Nullable String next(String what, Reader reader, String marker, int number)
            throws InterruptedException {
        try {
            return reader.read(marker);
        } catch (ProviderException e) {
            // The first page was answered, so it is not the call that is wrong.
            switch (e.reason()) {
                case NOT_FOUND, CONFLICT, PERMANENT ->
                    throw new ProviderException(
                            Reason.TRANSIENT, what + ": page " + number + " is refused; the list has changed", e);
                default -> throw e;
            }
        }
    }
}
