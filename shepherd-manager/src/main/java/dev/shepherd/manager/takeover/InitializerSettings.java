package dev.shepherd.manager.takeover;

import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Backoff;
import java.time.Duration;

/**
 * How an {@link Initializer} works. Immutable.
 *
 * @param parallelism how many machines it takes over at once, 1 to 1000
 * @param backoff how long a machine whose takeover failed is left alone
 * @param pollInterval how long to wait before looking for machines again when there were none; at least 1 ms. It
 *     looks at once when the provisioner of the same process has recorded one
 * @param sshPort the port of machines whose provider does not name another, 1 to 65535
 * @param maxFailures how many failed takeovers in a row have a machine quarantined that can be reached, 2 to 1000. Not
 *     while this process takes no machine over at all: then it may be the agent, or a key, and not the machine
 */
public record InitializerSettings(
        int parallelism, Backoff backoff, Duration pollInterval, int sshPort, int maxFailures) {

    /**
     * 10 machines at once, a backoff of 5 min × 1.2 up to 4 h, a look every 30 s, port 22, quarantine after 20 failures,
     * which is some 15 h.
     */
    public static final InitializerSettings DEFAULT = new InitializerSettings(
            10,
            Backoff.builder()
                    .initial(Duration.ofMinutes(5))
                    .exponent(1.2)
                    .maximum(Duration.ofHours(4))
                    .build(),
            Duration.ofSeconds(30),
            22,
            20);

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if one is out of its range
     */
    public InitializerSettings {
        if (parallelism < 1 || parallelism > 1000) {
            throw new IllegalArgumentException("parallelism is from 1 to 1000, not " + parallelism);
        }
        if (pollInterval.toMillis() < 1) {
            throw new IllegalArgumentException("pollInterval is at least 1 ms, not " + Spans.text(pollInterval));
        }
        if (sshPort < 1 || sshPort > 65535) {
            throw new IllegalArgumentException("sshPort is from 1 to 65535, not " + sshPort);
        }
        if (maxFailures < 2 || maxFailures > 1000) {
            throw new IllegalArgumentException("maxFailures is from 2 to 1000, not " + maxFailures);
        }
    }

    /** Returns these settings with another {@link #parallelism()}. */
    public InitializerSettings withParallelism(int parallelism) {
        return new InitializerSettings(parallelism, backoff, pollInterval, sshPort, maxFailures);
    }

    /** Returns these settings with another {@link #backoff()}. */
    public InitializerSettings withBackoff(Backoff backoff) {
        return new InitializerSettings(parallelism, backoff, pollInterval, sshPort, maxFailures);
    }

    /** Returns these settings with another {@link #pollInterval()}. */
    public InitializerSettings withPollInterval(Duration pollInterval) {
        return new InitializerSettings(parallelism, backoff, pollInterval, sshPort, maxFailures);
    }

    /** Returns these settings with another {@link #sshPort()}. */
    public InitializerSettings withSshPort(int sshPort) {
        return new InitializerSettings(parallelism, backoff, pollInterval, sshPort, maxFailures);
    }

    /** Returns these settings with another {@link #maxFailures()}. */
    public InitializerSettings withMaxFailures(int maxFailures) {
        return new InitializerSettings(parallelism, backoff, pollInterval, sshPort, maxFailures);
    }
}
