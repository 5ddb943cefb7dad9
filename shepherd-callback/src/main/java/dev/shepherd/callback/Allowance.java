package dev.shepherd.callback;

/**
 * So much in a span of time: what was not used is saved up, for one span at most. Not safe for several threads; its
 * owner has a lock. Times are those of {@link System#nanoTime()}.
 */
final class Allowance {

    private final double most;
    private final double perNano;
    private double left;
    private long at;

    /** Makes an allowance that has its full amount. */
    Allowance(long amount, long spanNanos, long now) {
        most = amount;
        perNano = (double) amount / spanNanos;
        left = amount;
        at = now;
    }

    /**
     * Returns how long it takes until there is so much; 0 if there is. What is more than all there can be is waited for
     * as all.
     */
    long nanosUntil(double amount, long now) {
        refill(now);
        double missing = Math.min(amount, most) - left;
        return missing <= 0 ? 0 : (long) Math.ceil(missing / perNano);
    }

    /** Takes so much, whether it is there or not. What is missing has to be made up for. */
    void take(double amount, long now) {
        refill(now);
        left = Math.max(-most, left - amount);
    }

    void giveBack(double amount) {
        left = Math.min(most, left + amount);
    }

    private void refill(long now) {
        left = Math.min(most, left + (now - at) * perNano);
        at = now;
    }
}
