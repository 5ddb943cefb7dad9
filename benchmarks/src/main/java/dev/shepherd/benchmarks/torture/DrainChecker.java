package dev.shepherd.benchmarks.torture;

import dev.shepherd.benchmarks.torture.Checker.Rule;
import dev.shepherd.benchmarks.torture.DisruptionChecker.Stalls;
import dev.shepherd.benchmarks.torture.Torture.Drains;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Finds machines that went down before work was moved away, and drains without an end, or with two of them. And counts those that
 * went on elsewhere when the manager that began them had been killed.
 */
final class DrainChecker {

    private final Stalls stalls;
    private final Map<Integer, Long> killed;
    private final BiConsumer<Rule, String> found;
    private final Map<String, Drain> drains = new HashMap<>();
    private final Map<String, Effect> approvals = new HashMap<>();
    private int goneOn;
    private int endedByAnother;

    /** What is known of one. */
    private static final class Drain {
        private Effect begun;
        private boolean isOver;
        private boolean isRebooted;
        private @Nullable Effect end;

        Drain(Effect begun) {
            this.begun = begun;
        }

        /** When a machine may go down at the latest, in microseconds; empty if the hook never said. */
        OptionalLong deadline() {
            return begun.second().isEmpty() ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(begun.second()));
        }
    }

    /** @param killed when which manager was killed, in microseconds */
    DrainChecker(Stalls stalls, Map<Integer, Long> killed, BiConsumer<Rule, String> found) {
        this.stalls = stalls;
        this.killed = killed;
        this.found = found;
    }

    Drains check(List<Effect> effects) {
        effects.stream().sorted(Comparator.comparingLong(Effect::micros)).forEach(this::check);
        drains.values().stream()
                .filter(drain -> drain.end == null)
                .forEach(drain -> found.accept(Rule.DRAIN_WITHOUT_END, drain.begun + " has no end"));
        return new Drains(drains.size(), goneOn, endedByAnother);
    }

    private void check(Effect effect) {
        switch (effect.kind()) {
            case DRAIN -> {
                Drain drain = drains.computeIfAbsent(effect.first(), any -> new Drain(effect));
                // A manager that died after the first told no one else that it had begun.
                drain.begun = effect;
                drain.isOver = false;
            }
            case DRAINED -> {
                Drain drain = drains.get(effect.first());
                if (drain != null) {
                    drain.isOver = true;
                }
            }
            case DRAIN_DONE, DRAIN_CANCELLED -> end(effect, drains.get(effect.first()));
            case APPROVE -> approvals.put(effect.machine(), effect);
            case REBOOT -> reboot(effect);
            default -> {
                // Moves no work.
            }
        }
    }

    private void end(Effect effect, @Nullable Drain drain) {
        if (drain == null) {
            return; // Its manager died when it was about to say that it begins.
        }
        if (drain.end == null) {
            drain.end = effect;
            endedByAnother += wentOn(drain, effect) ? 1 : 0;
        } else if (drain.end.kind() != effect.kind()) {
            found.accept(Rule.DRAIN_WITHOUT_END, effect + ", but before " + drain.end);
        }
    }

    private void reboot(Effect reboot) {
        Effect approval = approvals.remove(reboot.machine());
        if (approval == null) {
            return; // Found by another rule.
        }
        Drain drain = drains.get(approval.first());
        if (drain == null) {
            found.accept(Rule.NOT_DRAINED, reboot + ": its drain has never begun");
            return;
        }
        OptionalLong deadline = drain.deadline();
        if (deadline.isEmpty() || !drain.isOver && reboot.micros() < deadline.getAsLong()) {
            found.accept(Rule.NOT_DRAINED, reboot + ": work is still moved away, since " + drain.begun);
        }
        // One that was frozen between its last check and the call may come when its attempt was given up for lost.
        if (drain.end != null && stalls.frozen(reboot.manager(), approval.micros(), reboot.micros()) == 0) {
            found.accept(Rule.NOT_DRAINED, reboot + ": work may be back, since " + drain.end);
        }
        if (!drain.isRebooted) {
            drain.isRebooted = true;
            goneOn += wentOn(drain, reboot) ? 1 : 0;
        }
    }

    /** Tells whether the manager that began was killed, and another one went on after that. */
    private boolean wentOn(Drain drain, Effect next) {
        Long at = killed.get(drain.begun.manager());
        return at != null
                && next.manager() != drain.begun.manager()
                && drain.begun.micros() <= at
                && at <= next.micros();
    }
}
