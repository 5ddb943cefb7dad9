package dev.shepherd.bmdb.agent;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.settings.Checks;
import java.time.Duration;
import java.util.Objects;

/**
 * How an {@link AgentCallback} batches, and what its limits are. Immutable; made by {@link #builder()}. The defaults
 * are right for most.
 */
public final class AgentCallbackConfig {

    /** The defaults. */
    public static final AgentCallbackConfig DEFAULT = builder().build();

    private final Duration timeout;
    private final int queueSize;
    private final int batchSize;
    private final int heartbeatThreads;
    private final int reportThreads;
    private final Duration lockTimeout;

    private AgentCallbackConfig(Builder values) {
        timeout = values.timeout;
        queueSize = values.queueSize;
        batchSize = values.batchSize;
        heartbeatThreads = values.heartbeatThreads;
        reportThreads = values.reportThreads;
        lockTimeout = values.lockTimeout;
    }

    /** Starts with the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    Duration timeout() {
        return timeout;
    }

    int queueSize() {
        return queueSize;
    }

    int batchSize() {
        return batchSize;
    }

    int heartbeatThreads() {
        return heartbeatThreads;
    }

    int reportThreads() {
        return reportThreads;
    }

    Duration lockTimeout() {
        return lockTimeout;
    }

    /** Describes the settings. */
    @Override
    public String toString() {
        return "AgentCallbackConfig{timeout=" + timeout + ", queueSize=" + queueSize + ", batchSize=" + batchSize
                + ", heartbeatThreads=" + heartbeatThreads + ", reportThreads=" + reportThreads + ", lockTimeout="
                + lockTimeout + "}";
    }

    /** Collects the settings of an {@link AgentCallbackConfig}. Not safe for several threads. */
    public static final class Builder {
        private Duration timeout = Duration.ofSeconds(10);
        private int queueSize = 10_000;
        private int batchSize = 500;
        private int heartbeatThreads = 2;
        private int reportThreads = 2;
        private Duration lockTimeout = Duration.ofMillis(100);

        private Builder() {}

        /** Common: sets how long a call may take, 100 ms to 10 min; 10 s by default. It fails when that is over. */
        public Builder timeout(Duration timeout) {
            this.timeout = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /**
         * Common: sets how many calls may wait, 1 to 1,000,000; 10,000 by default. One more fails at once. Calls with
         * reports wait in a separate queue, of a tenth of this size.
         */
        public Builder queueSize(int queueSize) {
            this.queueSize = queueSize;
            return this;
        }

        /** Rare: sets how many heartbeats one statement writes at most, 1 to 10,000; 500 by default. */
        public Builder batchSize(int batchSize) {
            this.batchSize = batchSize;
            return this;
        }

        /**
         * Rare: sets how many threads write heartbeats, 1 to 64; 2 by default. Each takes a connection while it
         * writes.
         */
        public Builder heartbeatThreads(int heartbeatThreads) {
            this.heartbeatThreads = heartbeatThreads;
            return this;
        }

        /**
         * Rare: sets how many threads write reports, 1 to 64; 2 by default. Each takes a connection while it writes.
         */
        public Builder reportThreads(int reportThreads) {
            this.reportThreads = reportThreads;
            return this;
        }

        /**
         * Rare: sets how long a batch waits for a machine that another transaction has locked, 1 ms to 10 s; 100 ms by
         * default. After that the machine waits on its own, for as long as the call may take.
         */
        public Builder lockTimeout(Duration lockTimeout) {
            this.lockTimeout = Objects.requireNonNull(lockTimeout, "lockTimeout");
            return this;
        }

        /**
         * Makes the settings.
         *
         * @throws ConfigurationException if a value is out of its range
         */
        public AgentCallbackConfig build() {
            Checks.span("timeout", timeout, Duration.ofMillis(100), Duration.ofMinutes(10));
            Checks.count("queueSize", queueSize, 1, 1_000_000);
            Checks.count("batchSize", batchSize, 1, 10_000);
            Checks.count("heartbeatThreads", heartbeatThreads, 1, 64);
            Checks.count("reportThreads", reportThreads, 1, 64);
            Checks.span("lockTimeout", lockTimeout, Duration.ofMillis(1), Duration.ofSeconds(10));
            return new AgentCallbackConfig(this);
        }
    }
}
