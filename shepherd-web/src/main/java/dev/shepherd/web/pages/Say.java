package dev.shepherd.web.pages;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.Locale;

/** How pages say times, numbers and the texts of others. */
public final class Say {

    private static final DateTimeFormatter CLOCK = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss 'UTC'", Locale.ROOT)
            .withZone(ZoneOffset.UTC);
    private static final int LONGEST = 2000;

    private final Instant now;

    /**
     * Makes one.
     *
     * @param now the database's time, which all times on a page are compared with
     */
    public Say(Instant now) {
        this.now = now;
    }

    /**
     * A moment, for people and for machines.
     *
     * @param iso the moment by ISO 8601
     * @param clock the moment in UTC, to the second
     * @param relative how far away it is
     */
    public record When(String iso, String clock, String relative) {}

    /** Says a moment. */
    public When when(Instant at) {
        Duration since = Duration.between(at, now).truncatedTo(ChronoUnit.SECONDS);
        String relative =
                since.isZero() ? "now" : since.isNegative() ? "in " + rough(since.negated()) : rough(since) + " ago";
        return new When(at.truncatedTo(ChronoUnit.SECONDS).toString(), CLOCK.format(at), relative);
    }

    private static String rough(Duration span) {
        return Spans.text(span.compareTo(Duration.ofHours(2)) > 0 ? span.truncatedTo(ChronoUnit.MINUTES) : span);
    }

    /** Says a span. */
    public static String span(Duration span) {
        return Spans.text(span);
    }

    /** Makes a text of others fit for a page: what is not printable, or turns the direction of text, is escaped. */
    public static String text(Object text) {
        return Escaped.text(String.valueOf(text), LONGEST);
    }

    /** Says a number, with its thousands apart. */
    public static String number(long number) {
        return String.format(Locale.ROOT, "%,d", number).replace(',', '\u202f');
    }
}
