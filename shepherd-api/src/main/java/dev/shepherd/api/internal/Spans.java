package dev.shepherd.api.internal;

import java.time.Duration;
import java.util.Locale;

/** Says spans of time as people do: {@code 5 min}, {@code 90 s}, {@code 2 h 10 min}. */
public final class Spans {

    private static final long SECOND = 1000;
    private static final long MINUTE = 60 * SECOND;
    private static final long HOUR = 60 * MINUTE;
    private static final long DAY = 24 * HOUR;

    private Spans() {}

    /**
     * Says a span in at most two units. Up to two minutes it is in seconds or milliseconds and exact to the
     * millisecond; above, the unit below the second one shown is rounded away.
     */
    public static String text(Duration span) {
        if (span.isNegative()) {
            return "-" + text(span.negated());
        }
        long millis;
        try {
            millis = span.toMillis();
        } catch (ArithmeticException e) {
            return span.toDays() + " d";
        }
        if (millis == 0) {
            return span.isZero() ? "0 s" : "under 1 ms";
        }
        if (millis < SECOND) {
            return millis + " ms";
        }
        if (millis < 2 * MINUTE && millis != MINUTE) {
            return millis % SECOND == 0
                    ? millis / SECOND + " s"
                    : String.format(Locale.ROOT, "%.3f", millis / 1000.0).replaceFirst("0+$", "") + " s";
        }
        // A span that rounds up to the next unit is said in that.
        if (millis < HOUR - SECOND / 2) {
            return pair(millis, MINUTE, "min", SECOND, "s");
        }
        if (millis < DAY - MINUTE / 2) {
            return pair(millis, HOUR, "h", MINUTE, "min");
        }
        return pair(millis, DAY, "d", HOUR, "h");
    }

    private static String pair(long millis, long large, String largeName, long small, String smallName) {
        long rounded = (millis + small / 2) / small * small;
        long rest = rounded % large / small;
        return rounded / large + " " + largeName + (rest == 0 ? "" : " " + rest + " " + smallName);
    }
}
