package dev.shepherd.manager.disruption;

import dev.shepherd.bmdb.labels.LabelLimit;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** What a {@link DisruptionGate} says. Immutable. */
public final class GateAnswer {

    /** The three things that a gate can say. */
    public enum Verdict {
        /** It may be done now, once. */
        PROCEED,
        /** Not now: the gate is to be asked again. */
        NOT_NOW,
        /** Never: the gate is not asked again until the machine was well in between, or a person has it asked again. */
        NEVER
    }

    private static final GateAnswer PROCEED = new GateAnswer(Verdict.PROCEED, "", Optional.empty(), List.of());

    private final Verdict verdict;
    private final String why;
    private final Optional<Instant> until;
    private final List<LabelLimit> limits;

    private GateAnswer(Verdict verdict, String why, Optional<Instant> until, List<LabelLimit> limits) {
        this.verdict = verdict;
        this.why = Objects.requireNonNull(why, "why");
        this.until = until;
        this.limits = List.copyOf(limits);
    }

    /** It may be done now, once. Another machine, or the same one another time, is another question. */
    public static GateAnswer proceed() {
        return PROCEED;
    }

    /**
     * It may be done now, once, if at that moment no more machines are down than that: of each group that a limit names, the
     * machine included. That is counted over all processes and providers under a lock, when the approval is written; so a gate
     * that answers with a limit cannot be overtaken by what another process is told at the same time. {@link DisruptionBudget}
     * says what counts.
     */
    public static GateAnswer proceedWithin(List<LabelLimit> limits) {
        return new GateAnswer(Verdict.PROCEED, "", Optional.empty(), limits);
    }

    /**
     * Not now: it is asked again after {@link DisruptionSettings.Builder#askAgainAfter}, and after longer the longer it says so.
     *
     * @param why for people: one line
     */
    public static GateAnswer notNow(String why) {
        return new GateAnswer(Verdict.NOT_NOW, why, Optional.empty(), List.of());
    }

    /**
     * Not before a moment: it is asked again then, and an hour from now at the latest, since what it goes by may have changed.
     *
     * @param until a moment by the clock of {@link Disruption#at}; one in the past counts as {@link #notNow(String)} without it
     * @param why for people: one line
     */
    public static GateAnswer notNow(Instant until, String why) {
        return new GateAnswer(Verdict.NOT_NOW, why, Optional.of(until), List.of());
    }

    /**
     * Never. The machine is left as it is, and shown as held back, until it is heard again or a person has the gates {@linkplain
     * dev.shepherd.bmdb.operator.DisruptionActions#askAgain asked again}; a rollout leaves it out.
     *
     * @param why for people: one line
     */
    public static GateAnswer never(String why) {
        return new GateAnswer(Verdict.NEVER, why, Optional.empty(), List.of());
    }

    /** Returns which of the three it is. */
    public Verdict verdict() {
        return verdict;
    }

    /** Returns why, for people; empty text if it may be done. */
    public String why() {
        return why;
    }

    /** Returns when to ask again, if the gate said so. */
    public Optional<Instant> until() {
        return until;
    }

    /** Returns the limits within which it may be done; empty if there are none. */
    public List<LabelLimit> limits() {
        return limits;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof GateAnswer answer
                && answer.verdict == verdict
                && answer.why.equals(why)
                && answer.until.equals(until)
                && answer.limits.equals(limits);
    }

    @Override
    public int hashCode() {
        return Objects.hash(verdict, why, until, limits);
    }

    @Override
    public String toString() {
        return verdict
                + (why.isEmpty() ? "" : ": " + why)
                + until.map(at -> " until " + at).orElse("")
                + (limits.isEmpty() ? "" : " within " + limits);
    }
}
