package dev.shepherd.manager.disruption;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.api.internal.settings.Checks;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** Who has a say before machines go down, and how long that may take. Immutable; made by {@link #builder()}. */
public final class DisruptionSettings {

    /** The defaults: no gates and no drain hooks. */
    public static final DisruptionSettings DEFAULT = builder().build();

    /** After how many times {@link #askAgainAfter()} a gate is asked again at the latest that named no time. */
    public static final int LONGEST_PAUSE = 10;

    private final List<DisruptionGate> gates;
    private final List<DrainHook> drainHooks;
    private final Duration answerWithin;
    private final Duration askAgainAfter;
    private final Duration approvalGoodFor;
    private final Duration drainLimit;
    private final Duration drainPoll;

    private DisruptionSettings(Builder values) {
        gates = List.copyOf(values.gates);
        drainHooks = List.copyOf(values.drainHooks);
        answerWithin = values.answerWithin;
        askAgainAfter = values.askAgainAfter;
        approvalGoodFor = values.approvalGoodFor;
        drainLimit = values.drainLimit;
        drainPoll = values.drainPoll;
    }

    /** Starts with the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns the gates, in the order in which they are asked. */
    public List<DisruptionGate> gates() {
        return gates;
    }

    /** Returns who moves work away. */
    public List<DrainHook> drainHooks() {
        return drainHooks;
    }

    /** Returns how long a gate or hook may take to answer. */
    public Duration answerWithin() {
        return answerWithin;
    }

    /** Returns after what time a gate is asked again that named none, at first. */
    public Duration askAgainAfter() {
        return askAgainAfter;
    }

    /** Returns for how long an approval is good. */
    public Duration approvalGoodFor() {
        return approvalGoodFor;
    }

    /** Returns how long moving work away may take at most. */
    public Duration drainLimit() {
        return drainLimit;
    }

    /** Returns how often hooks are asked whether work has been moved away. */
    public Duration drainPoll() {
        return drainPoll;
    }

    /** Describes the settings. */
    @Override
    public String toString() {
        return "DisruptionSettings{gates=" + gates + ", drainHooks=" + drainHooks + ", answerWithin="
                + Spans.text(answerWithin) + ", askAgainAfter=" + Spans.text(askAgainAfter) + ", approvalGoodFor="
                + Spans.text(approvalGoodFor) + ", drainLimit=" + Spans.text(drainLimit) + ", drainPoll="
                + Spans.text(drainPoll) + "}";
    }

    /** Collects the values of {@link DisruptionSettings}. Not safe for several threads. */
    public static final class Builder {
        private final List<DisruptionGate> gates = new ArrayList<>();
        private final List<DrainHook> drainHooks = new ArrayList<>();
        private Duration answerWithin = Duration.ofSeconds(10);
        private Duration askAgainAfter = Duration.ofMinutes(1);
        private Duration approvalGoodFor = Duration.ofMinutes(5);
        private Duration drainLimit = Duration.ofMinutes(30);
        private Duration drainPoll = Duration.ofSeconds(15);

        private Builder() {}

        /**
         * Common: adds a gate; none by default. Give all managers of a fleet the same: what one approves, the gates of another
         * are not asked for.
         */
        public Builder gate(DisruptionGate gate) {
            gates.add(Objects.requireNonNull(gate, "gate"));
            return this;
        }

        /** Common: adds one who moves work away before a machine goes down; none by default. */
        public Builder drainHook(DrainHook hook) {
            drainHooks.add(Objects.requireNonNull(hook, "hook"));
            return this;
        }

        /**
         * Rare: sets how long a gate or hook may take to answer, 10 ms to 10 min; 10 s by default. A gate that takes longer has
         * said "not now".
         */
        public Builder answerWithin(Duration limit) {
            answerWithin = Objects.requireNonNull(limit, "limit");
            return this;
        }

        /**
         * Rare: sets after what time a gate is asked again that named none, 1 s to 1 h; 1 min by default. The longer it holds a
         * machine back, the longer the pause: as long as that has been, up to {@value #LONGEST_PAUSE} times this, and up to 1 h.
         */
        public Builder askAgainAfter(Duration span) {
            askAgainAfter = Objects.requireNonNull(span, "span");
            return this;
        }

        /**
         * Rare: sets for how long an approval is good, 1 s to 1 h; 5 min by default. A machine that waits longer for its turn at
         * the provider is asked for again.
         */
        public Builder approvalGoodFor(Duration span) {
            approvalGoodFor = Objects.requireNonNull(span, "span");
            return this;
        }

        /** Rare: sets how long moving work away may take at most, 0 s to 24 h; 30 min by default. */
        public Builder drainLimit(Duration limit) {
            drainLimit = Objects.requireNonNull(limit, "limit");
            return this;
        }

        /**
         * Rare: sets how often hooks are asked whether work has been moved away, 1 s to 1 h; 15 s by default.
         */
        public Builder drainPoll(Duration interval) {
            drainPoll = Objects.requireNonNull(interval, "interval");
            return this;
        }

        /**
         * Makes the settings.
         *
         * @throws ConfigurationException if a value is out of its range
         */
        public DisruptionSettings build() {
            Checks.span("answerWithin", answerWithin, Duration.ofMillis(10), Duration.ofMinutes(10));
            Checks.span("askAgainAfter", askAgainAfter, Duration.ofSeconds(1), Duration.ofHours(1));
            Checks.span("approvalGoodFor", approvalGoodFor, Duration.ofSeconds(1), Duration.ofHours(1));
            Checks.span("drainLimit", drainLimit, Duration.ZERO, Duration.ofHours(24));
            Checks.span("drainPoll", drainPoll, Duration.ofSeconds(1), Duration.ofHours(1));
            return new DisruptionSettings(this);
        }
    }
}
