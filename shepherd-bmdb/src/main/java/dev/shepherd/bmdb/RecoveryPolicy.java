package dev.shepherd.bmdb;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.bmdb.labels.LabelLimit;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * When machines are recovered, and the limits that keep recovery from hurting the fleet. Immutable; made by {@link
 * #builder()}. {@code docs/recovery.md} has all of them in one table.
 *
 * <p>All processes that recover machines of one provider should have the same policy: each keeps to its own limits in
 * what it starts.
 */
public final class RecoveryPolicy {

    /** All the defaults. */
    public static final RecoveryPolicy DEFAULT = builder().build();

    private final Builder values;

    private RecoveryPolicy(Builder values) {
        this.values = values;
    }

    /** Starts with the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns a builder that starts with these values. */
    public Builder toBuilder() {
        return new Builder(values);
    }

    /** Returns how long an agent that was never heard may be silent after its start. */
    public Duration silentAfterStart() {
        return values.silentAfterStart;
    }

    /** Returns how long an agent may be silent after it was heard. */
    public Duration silentAfterHeartbeat() {
        return values.silentAfterHeartbeat;
    }

    /** Returns after how many takeovers in a row that did not reach its SSH server a machine is recovered. */
    public int unreachableAttempts() {
        return values.unreachableAttempts;
    }

    /** Returns how long a machine may be without an agent after an attempt, for any reason. */
    public Duration stuckAfter() {
        return values.stuckAfter;
    }

    /** Returns the share of the machines of a provider, and of a location, that may be in recovery at once. */
    public double maxShare() {
        return values.maxShare;
    }

    /** Returns how many machines of a provider may be in recovery at once. */
    public int maxPerProvider() {
        return values.maxPerProvider;
    }

    /** Returns how many machines of a location may be in recovery at once. */
    public int maxPerLocation() {
        return values.maxPerLocation;
    }

    /** Returns how many machines that labels make one group may be in recovery at once, over all providers. */
    public List<LabelLimit> labelLimits() {
        return values.labelLimits;
    }

    /** Returns how long a machine is left alone after an attempt. */
    public Duration cooldown() {
        return values.cooldown;
    }

    /** Returns how long the initializer leaves a machine alone that was rebooted. */
    public Duration bootTime() {
        return values.bootTime;
    }

    /** Returns how often a machine is rebooted before something else is done. */
    public int maxReboots() {
        return values.maxReboots;
    }

    /** Returns whether machines may be reinstalled. */
    public boolean reinstallAllowed() {
        return values.reinstallAllowed;
    }

    /** Returns how often a machine is reinstalled before it is quarantined. */
    public int maxReinstalls() {
        return values.maxReinstalls;
    }

    /** Returns after how many failed calls of the provider for a machine it is quarantined. */
    public int maxFailedCalls() {
        return values.maxFailedCalls;
    }

    /** Returns how long after it came back a machine that falls silent again continues its count of attempts. */
    public Duration relapseAfter() {
        return values.relapseAfter;
    }

    /** Returns how long recovery backs off from a machine after an attempt, until its agent is heard. */
    public Backoff backoff() {
        return values.backoff;
    }

    /** Returns the share of agents that have to fall silent together for recovery to freeze. */
    public double freezeShare() {
        return values.freezeShare;
    }

    /** Returns how many agents have to fall silent together, at least, for recovery to freeze. */
    public int freezeMinimum() {
        return values.freezeMinimum;
    }

    /** Returns within what span agents have to fall silent for it to be together. */
    public Duration freezeSpan() {
        return values.freezeSpan;
    }

    /**
     * Returns for how long heartbeats must be back before a freeze ends, and how long recovery watches before it begins
     * attempts.
     */
    public Duration freezeReleaseAfter() {
        return values.freezeReleaseAfter;
    }

    /** Returns how often agents are expected to send a heartbeat. */
    public Duration heartbeatInterval() {
        return values.heartbeatInterval;
    }

    /** Returns how often recovery looks, where that is known. */
    public Optional<Duration> lookInterval() {
        return Optional.ofNullable(values.lookInterval);
    }

    /**
     * Returns how long an agent may be silent before it counts as evidence for a freeze. A healthy agent never does: it
     * has missed a heartbeat by half an interval. All agents of an outage do before the first of them is silent, since
     * their last heartbeats lie within one interval, and the silence is at least two and a half.
     */
    public Duration lateAfter() {
        return max(values.silentAfterHeartbeat.dividedBy(2), Builder.late(values.heartbeatInterval));
    }

    private static Duration max(Duration one, Duration other) {
        return one.compareTo(other) > 0 ? one : other;
    }

    /** Collects the values of a {@link RecoveryPolicy}. Not safe for several threads. */
    public static final class Builder {
        private static final Duration LONGEST = Duration.ofDays(365);
        private static final int MOST = 1_000_000;
        private static final int MOST_LABEL_LIMITS = 16;

        private Duration silentAfterStart = Eligibility.SILENT_AFTER_START;
        private Duration silentAfterHeartbeat = Eligibility.SILENT_AFTER_HEARTBEAT;
        private Duration heartbeatInterval = Duration.ofMinutes(1);
        private @Nullable Duration lookInterval;
        private int unreachableAttempts = 3;
        private Duration stuckAfter = Duration.ofHours(1);
        private double maxShare = 0.2;
        private int maxPerProvider = 20;
        private int maxPerLocation = 10;
        private List<LabelLimit> labelLimits = List.of();
        private Duration cooldown = Duration.ofMinutes(15);
        private Duration bootTime = Duration.ofMinutes(3);
        private int maxReboots = 3;
        private boolean reinstallAllowed;
        private int maxReinstalls = 1;
        private int maxFailedCalls = 5;
        private Duration relapseAfter = Duration.ofHours(1);
        private Backoff backoff = Backoff.builder()
                .initial(Duration.ofMinutes(1))
                .exponent(1.2)
                .maximum(Duration.ofHours(1))
                .build();
        private double freezeShare = 0.4;
        private int freezeMinimum = 5;
        private Duration freezeSpan = Duration.ofMinutes(10);
        private Duration freezeReleaseAfter = Duration.ofMinutes(5);

        private Builder() {}

        private Builder(Builder other) {
            silentAfterStart = other.silentAfterStart;
            silentAfterHeartbeat = other.silentAfterHeartbeat;
            heartbeatInterval = other.heartbeatInterval;
            lookInterval = other.lookInterval;
            unreachableAttempts = other.unreachableAttempts;
            stuckAfter = other.stuckAfter;
            maxShare = other.maxShare;
            maxPerProvider = other.maxPerProvider;
            maxPerLocation = other.maxPerLocation;
            labelLimits = other.labelLimits;
            cooldown = other.cooldown;
            bootTime = other.bootTime;
            maxReboots = other.maxReboots;
            reinstallAllowed = other.reinstallAllowed;
            maxReinstalls = other.maxReinstalls;
            maxFailedCalls = other.maxFailedCalls;
            relapseAfter = other.relapseAfter;
            backoff = other.backoff;
            freezeShare = other.freezeShare;
            freezeMinimum = other.freezeMinimum;
            freezeSpan = other.freezeSpan;
            freezeReleaseAfter = other.freezeReleaseAfter;
        }

        /** Common: how long an agent that was never heard may be silent after its start; 30 min by default. */
        public Builder silentAfterStart(Duration span) {
            this.silentAfterStart = Objects.requireNonNull(span, "span");
            return this;
        }

        /**
         * Common: how often agents send a heartbeat, over zero; 1 min by default. Set it where agents of your own beat
         * at another rate.
         */
        public Builder heartbeatInterval(Duration interval) {
            this.heartbeatInterval = Objects.requireNonNull(interval, "interval");
            return this;
        }

        /**
         * Rare: how often recovery looks, over zero. A recoverer sets its own poll interval. Without it, a gap of half
         * of {@link #silentAfterHeartbeat} between two looks is allowed.
         */
        public Builder lookInterval(Duration interval) {
            this.lookInterval = Objects.requireNonNull(interval, "interval");
            return this;
        }

        /**
         * Common: how long an agent may be silent after it was heard; 10 min by default. At least two and a half {@link
         * #heartbeatInterval}s, and at least one of these and two {@link #lookInterval}s.
         */
        public Builder silentAfterHeartbeat(Duration span) {
            this.silentAfterHeartbeat = Objects.requireNonNull(span, "span");
            return this;
        }

        /**
         * Rare: after how many takeovers in a row that did not reach its SSH server a machine without an agent is
         * recovered, at least 1; 3 by default. Takeovers that fail in another way (a login refused, another host key)
         * do not count: a reboot would not help.
         */
        public Builder unreachableAttempts(int attempts) {
            this.unreachableAttempts = attempts;
            return this;
        }

        /**
         * Rare: how long a machine may be without an agent after an attempt, for any reason, before the next attempt; 1
         * h by default.
         */
        public Builder stuckAfter(Duration span) {
            this.stuckAfter = Objects.requireNonNull(span, "span");
            return this;
        }

        /**
         * Essential: the share of a provider's machines that may be in recovery at once, and of a location's, over 0
         * to 1; 0.2 by default. It is rounded down, and never less than one machine.
         */
        public Builder maxShare(double share) {
            this.maxShare = share;
            return this;
        }

        /** Essential: how many machines of the provider may be in recovery at once, at least 1; 20 by default. */
        public Builder maxPerProvider(int machines) {
            this.maxPerProvider = machines;
            return this;
        }

        /** Essential: how many machines of one location may be in recovery at once, at least 1; 10 by default. */
        public Builder maxPerLocation(int machines) {
            this.maxPerLocation = machines;
            return this;
        }

        /**
         * Essential: how many machines that labels make one group may be in recovery at once, such as one of each value of
         * {@code raft-group}; at most 16 limits, none by default. Machines are counted over all providers whose recovery has
         * such a limit or not.
         */
        public Builder labelLimits(List<LabelLimit> limits) {
            this.labelLimits = List.copyOf(limits);
            return this;
        }

        /** Common: how long a machine is left alone after an attempt; 15 min by default. */
        public Builder cooldown(Duration span) {
            this.cooldown = Objects.requireNonNull(span, "span");
            return this;
        }

        /** Common: how long the initializer leaves a machine alone that was rebooted; 3 min by default. */
        public Builder bootTime(Duration span) {
            this.bootTime = Objects.requireNonNull(span, "span");
            return this;
        }

        /** Essential: how often a machine is rebooted without being heard again, 0 to 1,000,000; 3 by default. */
        public Builder maxReboots(int reboots) {
            this.maxReboots = reboots;
            return this;
        }

        /**
         * Essential: whether a machine that reboots do not bring back is reinstalled, where the provider can; not by
         * default. What is on its disks may be lost.
         */
        public Builder reinstallAllowed(boolean allowed) {
            this.reinstallAllowed = allowed;
            return this;
        }

        /** Rare: how often a machine is reinstalled without being heard again, 1 to 1,000,000; 1 by default. */
        public Builder maxReinstalls(int reinstalls) {
            this.maxReinstalls = reinstalls;
            return this;
        }

        /** Rare: after how many failed calls of the provider for a machine it is quarantined; 5 by default. */
        public Builder maxFailedCalls(int calls) {
            this.maxFailedCalls = calls;
            return this;
        }

        /**
         * Rare: how long after it was heard again a machine that falls silent once more continues its count of attempts
         * rather than beginning a new one; 1 h by default. Zero for always a new one.
         */
        public Builder relapseAfter(Duration span) {
            this.relapseAfter = Objects.requireNonNull(span, "span");
            return this;
        }

        /** Common: how long recovery backs off from a machine after an attempt; 1 min × 1.2 up to 1 h by default. */
        public Builder backoff(Backoff backoff) {
            this.backoff = Objects.requireNonNull(backoff, "backoff");
            return this;
        }

        /**
         * Essential: the share of agents that have to fall silent together for recovery to freeze, over 0 to 1; 0.4 by
         * default. It is checked for the fleet, the provider and each location.
         */
        public Builder freezeShare(double share) {
            this.freezeShare = share;
            return this;
        }

        /**
         * Common: how many agents have to fall silent together, at least, for recovery to freeze; 5 by default. Where
         * there are fewer, all of them have to, and two at least.
         */
        public Builder freezeMinimum(int agents) {
            this.freezeMinimum = agents;
            return this;
        }

        /** Rare: within what span agents have to fall silent for it to be together; 10 min by default. */
        public Builder freezeSpan(Duration span) {
            this.freezeSpan = Objects.requireNonNull(span, "span");
            return this;
        }

        /**
         * Rare: for how long heartbeats must be back before a freeze ends, and for how long recovery watches before it
         * begins attempts, after its start or a gap; 5 min by default. It should be several times the interval of
         * heartbeats, so that the last agent has been heard by then.
         */
        public Builder freezeReleaseAfter(Duration span) {
            this.freezeReleaseAfter = Objects.requireNonNull(span, "span");
            return this;
        }

        /**
         * Makes the policy.
         *
         * @throws ConfigurationException if a value is out of its range, or the values do not go together
         */
        public RecoveryPolicy build() {
            Checks.span("silentAfterStart", silentAfterStart, Duration.ZERO, LONGEST);
            Checks.span("silentAfterHeartbeat", silentAfterHeartbeat, Duration.ZERO, LONGEST);
            Checks.count("unreachableAttempts", unreachableAttempts, 1, MOST);
            Checks.span("stuckAfter", stuckAfter, Duration.ZERO, LONGEST);
            Checks.share("maxShare", maxShare);
            Checks.count("maxPerProvider", maxPerProvider, 1, MOST);
            Checks.count("maxPerLocation", maxPerLocation, 1, MOST);
            Checks.count("labelLimits", labelLimits.size(), 0, MOST_LABEL_LIMITS);
            Checks.span("cooldown", cooldown, Duration.ZERO, LONGEST);
            Checks.span("bootTime", bootTime, Duration.ZERO, LONGEST);
            Checks.count("maxReboots", maxReboots, 0, MOST);
            Checks.count("maxReinstalls", maxReinstalls, 1, MOST);
            Checks.count("maxFailedCalls", maxFailedCalls, 1, MOST);
            Checks.span("relapseAfter", relapseAfter, Duration.ZERO, LONGEST);
            Checks.share("freezeShare", freezeShare);
            Checks.count("freezeMinimum", freezeMinimum, 1, MOST);
            Checks.span("freezeSpan", freezeSpan, Duration.ZERO, LONGEST);
            Checks.span("freezeReleaseAfter", freezeReleaseAfter, Duration.ZERO, LONGEST);
            Checks.span("heartbeatInterval", heartbeatInterval, Duration.ZERO, LONGEST);
            requireThatSilenceIsLongEnough();
            return new RecoveryPolicy(new Builder(this));
        }

        private static Duration late(Duration heartbeatInterval) {
            return heartbeatInterval.multipliedBy(3).dividedBy(2);
        }

        private void requireThatSilenceIsLongEnough() {
            Checks.that("heartbeatInterval", !heartbeatInterval.isZero(), "over zero", Spans.text(heartbeatInterval));
            String beats = "agents send a heartbeat every " + Spans.text(heartbeatInterval);
            Checks.atLeast(
                    "silentAfterHeartbeat",
                    silentAfterHeartbeat,
                    late(heartbeatInterval).plus(heartbeatInterval),
                    beats + ", and one is silent only after two and a half of these");
            Checks.atLeast(
                    "silentAfterStart",
                    silentAfterStart,
                    late(heartbeatInterval),
                    beats + ", and an agent sends its first one within one interval of its start");
            Checks.atLeast(
                    "freezeSpan",
                    freezeSpan,
                    heartbeatInterval,
                    beats + ", and the last ones of agents that fall silent together lie up to one interval apart");
            if (lookInterval == null) {
                return;
            }
            Checks.span("lookInterval", lookInterval, Duration.ZERO, LONGEST);
            Checks.that("lookInterval", !lookInterval.isZero(), "over zero", Spans.text(lookInterval));
            Checks.atLeast(
                    "silentAfterHeartbeat",
                    silentAfterHeartbeat,
                    lookInterval.multipliedBy(2).plus(heartbeatInterval),
                    "recovery looks every " + Spans.text(lookInterval) + ", and " + beats);
        }
    }
}
