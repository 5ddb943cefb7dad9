package dev.shepherd.manager.disruption;

import dev.shepherd.bmdb.labels.LabelLimit;
import java.util.List;
import java.util.stream.Stream;

/**
 * A gate that lets only so many machines of a group be down at once, such as {@code 1 of raft-group}. It holds for any number of
 * processes and over all providers, like the limits of recovery that go by labels; and it covers more than they do: rollouts, reboots
 * that a person wants, and machines that are down for other reasons. Safe for use by several threads; immutable.
 *
 * <p>What counts against the limit, of the other machines of the group:
 *
 * <ul>
 *   <li>one that is approved to go down, is being drained, or was taken down and has yet to be well again; one in recovery; one on
 *       which a rollout works
 *   <li>if the machine that is asked for is up: also one whose agent is silent, and one in quarantine. A machine that is down
 *       already may be rebooted while others are down, since that makes nothing worse
 * </ul>
 */
public final class DisruptionBudget implements DisruptionGate {

    private final List<LabelLimit> limits;

    private DisruptionBudget(List<LabelLimit> limits) {
        this.limits = List.copyOf(limits);
    }

    /** Makes a gate of limits: all of them hold. */
    public static DisruptionBudget of(List<LabelLimit> limits) {
        return new DisruptionBudget(limits);
    }

    /**
     * Reads limits, such as {@code 1 of raft-group} and {@code 2 of tier=db}.
     *
     * @throws IllegalArgumentException if one is none; says what is wrong
     */
    public static DisruptionBudget parse(String... limits) {
        return new DisruptionBudget(Stream.of(limits).map(LabelLimit::parse).toList());
    }

    /** Agrees, within the limits. */
    @Override
    public GateAnswer ask(Disruption disruption) {
        return GateAnswer.proceedWithin(limits);
    }

    @Override
    public String name() {
        return "budget";
    }

    @Override
    public String toString() {
        return "budget " + limits;
    }
}
