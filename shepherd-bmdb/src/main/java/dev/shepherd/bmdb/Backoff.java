package dev.shepherd.bmdb;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.api.internal.settings.Checks;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * How long a machine is left alone by a process after a failure. Immutable; made by {@link #builder()}.
 *
 * <p>The first failure waits for {@code initial}, each further one for the previous period times {@code exponent}, rounded
 * up to whole seconds and never more than {@code maximum}. With an exponent above 1 each period is longer than the one
 * before until the maximum is reached. Finishing the work clears it all.
 */
public final class Backoff {

    private static final Duration LONGEST_DEFAULT = Duration.ofDays(1);

    /** A hundred years: more than enough, and little enough to be added to any time. */
    private static final Duration LONGEST = Duration.ofDays(36_500);

    private final Duration initial;
    private final Duration maximum;
    private final double exponent;
    private final double jitter;

    private Backoff(Builder values, Duration maximum) {
        this.initial = values.initial;
        this.maximum = maximum;
        this.exponent = values.exponent;
        this.jitter = values.jitter;
    }

    /** Returns the first period. */
    public Duration initial() {
        return initial;
    }

    /** Returns the longest period. */
    public Duration maximum() {
        return maximum;
    }

    /** Returns the growth; 1 for a period that stays the same. */
    public double exponent() {
        return exponent;
    }

    /** Returns the part of the period of which up to the whole is added by chance. */
    public double jitter() {
        return jitter;
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

    /** Describes the backoff. */
    @Override
    public String toString() {
        return Spans.text(initial) + " × " + exponent + ", at most " + Spans.text(maximum) + ", jitter " + jitter;
    }

    /** Collects the values of a {@link Backoff}. Not safe for several threads. */
    public static final class Builder {
        private Duration initial = Duration.ofSeconds(1);
        private @Nullable Duration maximum;
        private double exponent = 1;
        private double jitter = 0.1;

        private Builder() {}

        /** Sets the first period, at least 1 s; 1 s by default. */
        public Builder initial(Duration initial) {
            this.initial = Objects.requireNonNull(initial, "initial");
            return this;
        }

        /**
         * Sets the longest period, not shorter than the first and at most 36,500 days; by default 1 day, or the first
         * period where that is longer.
         */
        public Builder maximum(Duration maximum) {
            this.maximum = Objects.requireNonNull(maximum, "maximum");
            return this;
        }

        /** Sets the growth, 1 or more; 1 by default, which is a period that stays the same. */
        public Builder exponent(double exponent) {
            this.exponent = exponent;
            return this;
        }

        /**
         * Sets the part of the period, from 0 to 1, of which up to the whole is added by chance to the time at which
         * the machine is a candidate again, so that machines which failed together do not come back together; 0.1 by
         * default. The period itself stays as it is.
         */
        public Builder jitter(double jitter) {
            this.jitter = jitter;
            return this;
        }

        /**
         * Makes the backoff.
         *
         * @throws ConfigurationException if a value is out of its range
         */
        public Backoff build() {
            Duration longest = maximum;
            if (longest == null) {
                longest = initial.compareTo(LONGEST_DEFAULT) > 0 ? initial : LONGEST_DEFAULT;
            }
            Checks.atLeast("initial", initial, Duration.ofSeconds(1));
            Checks.atLeast("maximum", longest, initial, "the longest period is not shorter than the first");
            Checks.that(
                    "maximum",
                    longest.compareTo(LONGEST) <= 0,
                    "at most " + LONGEST.toDays() + " days",
                    longest.toDays() + " days");
            Checks.that("exponent", exponent >= 1 && !Double.isInfinite(exponent), "1 or more", exponent);
            Checks.that("jitter", jitter >= 0 && jitter <= 1, "from 0 to 1", jitter);
            return new Backoff(this, longest);
        }
    }
}
