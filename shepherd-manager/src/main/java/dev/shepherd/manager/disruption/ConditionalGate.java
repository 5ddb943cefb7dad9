package dev.shepherd.manager.disruption;

import java.util.Objects;
import java.util.function.Predicate;

/** A gate under another name, or with less to say. */
final class ConditionalGate implements DisruptionGate {

    private final DisruptionGate gate;
    private final String name;
    private final Predicate<Disruption> concerns;

    /** @param concerns what it has something to say of: it agrees to all else */
    ConditionalGate(DisruptionGate gate, String name, Predicate<Disruption> concerns) {
        this.gate = gate;
        this.name = Objects.requireNonNull(name, "name");
        this.concerns = concerns;
    }

    @Override
    public GateAnswer ask(Disruption disruption) throws Exception {
        return concerns.test(disruption) ? gate.ask(disruption) : GateAnswer.proceed();
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String toString() {
        return gate.toString();
    }
}
