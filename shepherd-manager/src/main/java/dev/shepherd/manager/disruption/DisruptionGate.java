package dev.shepherd.manager.disruption;

import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;

/**
 * Has a say before a machine goes down: before each reboot and reinstallation, whether a recoverer or a person wants it, and before
 * a rollout stops an agent. Not before a takeover of a machine that has no agent, nor before a rollout puts a former agent back.
 * A person can force a reboot or reinstallation past all gates; that is recorded.
 *
 * <p>It is asked when the machine is claimed, and before the last check: if the machine is heard or paused, or recovery freezes,
 * after it agreed, nothing is done. All gates must agree; the first that does not decides, and later ones are not asked. An approval
 * is good for one disruption by the process that asked, and only for {@link DisruptionSettings.Builder#approvalGoodFor}.
 *
 * <p>A gate is called on a thread of its own, by several threads at once. One that throws, returns null, or has not answered after
 * {@link DisruptionSettings.Builder#answerWithin} has said "not now"; its thread is interrupted then. So a gate that is broken holds
 * machines back, which shows, and takes none down.
 */
@FunctionalInterface
public interface DisruptionGate {

    /** What a gate is called whose class has no name. */
    String UNNAMED = "gate";

    /**
     * Says whether it may be done now. Does nothing else: an answer is no promise that it is done.
     *
     * @throws Exception if it cannot say; counts as "not now"
     */
    GateAnswer ask(Disruption disruption) throws Exception;

    /**
     * Returns what it is called in logs, explanations and metrics: one of a few names, such as {@code windows}. By default that
     * of its class.
     */
    default String name() {
        String simple = getClass().getSimpleName();
        int lambda = simple.indexOf("$$");
        return simple.isEmpty() || lambda >= 0 ? UNNAMED : simple;
    }

    /** Returns this gate under another name. */
    default DisruptionGate named(String name) {
        return new ConditionalGate(this, name, any -> true);
    }

    /** Returns a gate that has something to say only of machines that a selector selects, and agrees to all others. */
    default DisruptionGate onlyFor(Selector machines) {
        Objects.requireNonNull(machines, "machines");
        return new ConditionalGate(this, name(), disruption -> machines.matches(disruption.labels()));
    }

    /** Returns a gate that has something to say only of some kinds, and agrees to all others. */
    default DisruptionGate onlyFor(DisruptionKind first, DisruptionKind... others) {
        return onlyFor(EnumSet.of(first, others));
    }

    /** Returns a gate that has something to say only of some kinds, and agrees to all others. */
    default DisruptionGate onlyFor(Set<DisruptionKind> some) {
        Set<DisruptionKind> kinds = Set.copyOf(some);
        return new ConditionalGate(this, name(), disruption -> kinds.contains(disruption.kind()));
    }
}
