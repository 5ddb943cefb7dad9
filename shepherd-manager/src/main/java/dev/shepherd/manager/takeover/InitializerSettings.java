package dev.shepherd.manager.takeover;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.bmdb.Backoff;
import java.time.Duration;
import java.util.Objects;

/** How an {@link Initializer} works. Immutable; made by {@link #builder()}. */
public final class InitializerSettings {

    /**
     * The defaults: 10 machines at once, a backoff of 5 min × 1.2 up to 4 h, a look every 30 s, port 22, quarantine
     * after 20 failures, which takes some 15 h.
     */
    public static final InitializerSettings DEFAULT = builder().build();

    private final int parallelism;
    private final Backoff backoff;
    private final Duration pollInterval;
    private final int sshPort;
    private final int maxFailures;

    private InitializerSettings(Builder values) {
        parallelism = values.parallelism;
        backoff = values.backoff;
        pollInterval = values.pollInterval;
        sshPort = values.sshPort;
        maxFailures = values.maxFailures;
    }

    /** Starts with the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns a builder that starts with these values. */
    public Builder toBuilder() {
        return new Builder()
                .parallelism(parallelism)
                .backoff(backoff)
                .pollInterval(pollInterval)
                .sshPort(sshPort)
                .maxFailures(maxFailures);
    }

    /** Returns how many machines are taken over at once. */
    public int parallelism() {
        return parallelism;
    }

    /** Returns how long a machine is left alone after a failed takeover. */
    public Backoff backoff() {
        return backoff;
    }

    /** Returns how long to wait before looking for machines again when there were none. */
    public Duration pollInterval() {
        return pollInterval;
    }

    /** Returns the port of machines whose provider does not name another. */
    public int sshPort() {
        return sshPort;
    }

    /** Returns after how many failed takeovers in a row a machine that can be reached is quarantined. */
    public int maxFailures() {
        return maxFailures;
    }

    /** Describes the settings. */
    @Override
    public String toString() {
        return "InitializerSettings{parallelism=" + parallelism + ", backoff=" + backoff + ", pollInterval="
                + Spans.text(pollInterval) + ", sshPort=" + sshPort + ", maxFailures=" + maxFailures + "}";
    }

    /** Collects the values of {@link InitializerSettings}. Not safe for several threads. */
    public static final class Builder {
        private int parallelism = 10;
        private Backoff backoff = Backoff.builder()
                .initial(Duration.ofMinutes(5))
                .exponent(1.2)
                .maximum(Duration.ofHours(4))
                .build();
        private Duration pollInterval = Duration.ofSeconds(30);
        private int sshPort = TakeoverTarget.DEFAULT_PORT;
        private int maxFailures = 20;

        private Builder() {}

        /** Common: sets how many machines are taken over at once, 1 to 1000; 10 by default. */
        public Builder parallelism(int machines) {
            this.parallelism = machines;
            return this;
        }

        /** Common: sets how long a machine is left alone after a failed takeover; 5 min × 1.2 up to 4 h by default. */
        public Builder backoff(Backoff backoff) {
            this.backoff = Objects.requireNonNull(backoff, "backoff");
            return this;
        }

        /**
         * Rare: sets how long to wait before looking for machines again when there were none, at least 1 ms; 30 s by
         * default. The initializer looks at once when the provisioner of the same process has recorded one.
         */
        public Builder pollInterval(Duration interval) {
            this.pollInterval = Objects.requireNonNull(interval, "interval");
            return this;
        }

        /** Common: sets the port of machines whose provider does not name another, 1 to 65535; 22 by default. */
        public Builder sshPort(int port) {
            this.sshPort = port;
            return this;
        }

        /**
         * Common: sets after how many failed takeovers in a row a machine that can be reached is quarantined, 2 to
         * 1000; 20 by default. Not while all takeovers of this process fail: the cause may then be the agent or a key,
         * and not the machine.
         */
        public Builder maxFailures(int failures) {
            this.maxFailures = failures;
            return this;
        }

        /**
         * Makes the settings.
         *
         * @throws ConfigurationException if a value is out of its range
         */
        public InitializerSettings build() {
            Checks.count("parallelism", parallelism, 1, 1000);
            Checks.atLeast("pollInterval", pollInterval, Duration.ofMillis(1));
            Checks.count("sshPort", sshPort, 1, 65535);
            Checks.count("maxFailures", maxFailures, 2, 1000);
            return new InitializerSettings(this);
        }
    }
}
