package dev.shepherd.bmdb;

import dev.shepherd.api.internal.Spans;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * How long a machine is left alone by a process after a failure.
 *
 * <p>The first failure waits for {@code initial}, each further one for the previous period times {@code exponent},
 * rounded up to whole seconds and never more than {@code maximum}. With an exponent above 1 each period is longer than
 * the one before until the maximum is reached. Finishing the work clears it all. Immutable.
 *
 * @param initial the first period; at least 1 s
 * @param maximum the longest period; at least {@code initial}, at most 36,500 days
 * @param exponent the growth; 1 (the constant {@code initial}) or more
 * @param jitter the part of the period, from 0 to 1, of which a random share is added to the time at which the machine
 *     is looked at again, so that machines which failed together do not come back together; the period itself stays as
 *     it is
 */
public record Backoff(Duration initial, Duration maximum, double exponent, double jitter) {

    private static final Duration LONGEST_DEFAULT = Duration.ofDays(1);

    /** A hundred years: more than enough, and little enough to be added to any time. */
    private static final Duration LONGEST = Duration.ofDays(36_500);

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if one is out of its range
     */
    public Backoff {
        if (initial.compareTo(Duration.ofSeconds(1)) < 0) {
            throw new IllegalArgumentException("a backoff starts with at least 1 s, not " + Spans.text(initial));
        }
        if (maximum.compareTo(initial) < 0) {
            throw new IllegalArgumentException("the longest backoff, " + Spans.text(maximum)
                    + ", is shorter than the first, " + Spans.text(initial));
        }
        if (maximum.compareTo(LONGEST) > 0) {
            throw new IllegalArgumentException(
                    "a backoff is at most " + LONGEST.toDays() + " days, not " + maximum.toDays());
        }
        if (!(exponent >= 1) || Double.isInfinite(exponent)) {
            throw new IllegalArgumentException("the exponent of a backoff is at least 1, not " + exponent);
        }
        if (!(jitter >= 0 && jitter <= 1)) {
            throw new IllegalArgumentException("the jitter of a backoff is from 0 to 1, not " + jitter);
        }
    }

    /** Returns a backoff that always waits for the same span. */
    public static Backoff constant(Duration period) {
        return builder().initial(period).build();
    }

    /** Starts with a constant 1 s and a jitter of 0.1. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Computes the next period.
     *
     * @param previous the period after the failure before, or null at the first failure
     * @return whole seconds, without jitter
     */
    public Duration next(@Nullable Duration previous) {
        long longest = wholeSeconds(maximum);
        if (previous == null || exponent == 1) {
            return Duration.ofSeconds(Math.min(wholeSeconds(initial), longest));
        }
        // Exact decimals: in binary floating point 60 × 1.1 is a little more than 66 and would round up to 67.
        long before = Math.min(wholeSeconds(previous), longest);
        BigDecimal grown = BigDecimal.valueOf(before)
                .multiply(BigDecimal.valueOf(exponent))
                .setScale(0, RoundingMode.CEILING)
                .max(BigDecimal.valueOf(before).add(BigDecimal.ONE))
                .min(BigDecimal.valueOf(longest));
        return Duration.ofSeconds(grown.longValueExact());
    }

    /** Draws the random jitter of a period, in milliseconds. */
    public long jitterOf(Duration period) {
        return Math.round(
                period.toMillis() * jitter * ThreadLocalRandom.current().nextDouble());
    }

    private static long wholeSeconds(Duration duration) {
        return duration.getNano() == 0 ? duration.getSeconds() : duration.getSeconds() + 1;
    }

    /** Collects the values of a {@link Backoff}. Not safe for several threads. */
    public static final class Builder {
        private Duration initial = Duration.ofSeconds(1);
        private @Nullable Duration maximum;
        private double exponent = 1;
        private double jitter = 0.1;

        private Builder() {}

        /** Sets the first period; 1 s by default. */
        public Builder initial(Duration initial) {
            this.initial = Objects.requireNonNull(initial, "initial");
            return this;
        }

        /** Sets the longest period; by default 1 day, or the first period where that is longer. */
        public Builder maximum(Duration maximum) {
            this.maximum = Objects.requireNonNull(maximum, "maximum");
            return this;
        }

        /** Sets the growth; 1 by default. */
        public Builder exponent(double exponent) {
            this.exponent = exponent;
            return this;
        }

        /** Sets the jitter; 0.1 by default. */
        public Builder jitter(double jitter) {
            this.jitter = jitter;
            return this;
        }

        /**
         * Makes the backoff.
         *
         * @throws IllegalArgumentException as the record's constructor does
         */
        public Backoff build() {
            Duration longest = maximum;
            if (longest == null) {
                longest = initial.compareTo(LONGEST_DEFAULT) > 0 ? initial : LONGEST_DEFAULT;
            }
            return new Backoff(initial, longest, exponent, jitter);
        }
    }
}
