package dev.shepherd.benchmarks.torture;

import dev.shepherd.benchmarks.torture.Checker.Rule;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;

/** Finds reboots that no gate approved, and two machines of one group that were down at once. */
final class DisruptionChecker {

    /** For how many microseconds a manager was frozen between two moments. */
    @FunctionalInterface
    interface Stalls {
        long frozen(int manager, long from, long to);
    }

    private final Stalls stalls;
    private final BiConsumer<Rule, String> found;
    private final Map<String, Effect> approvals = new HashMap<>();
    private final Map<Integer, Set<String>> down = new HashMap<>();

    DisruptionChecker(Stalls stalls, BiConsumer<Rule, String> found) {
        this.stalls = stalls;
        this.found = found;
    }

    void check(List<Effect> effects) {
        effects.stream().sorted(Comparator.comparingLong(Effect::micros)).forEach(this::check);
    }

    private void check(Effect effect) {
        switch (effect.kind()) {
            case APPROVE -> approvals.put(effect.machine(), effect);
            case REBOOT -> reboot(effect, downOfGroup(effect));
            // It is well at the earliest when its agent runs again.
            case RUN -> downOfGroup(effect).remove(effect.machine());
            default -> {
                // Takes nothing down.
            }
        }
    }

    private Set<String> downOfGroup(Effect effect) {
        return down.computeIfAbsent(Plan.group(effect.machine()), any -> new HashSet<>());
    }

    private void reboot(Effect reboot, Set<String> downOfGroup) {
        Effect approval = approvals.remove(reboot.machine());
        if (approval == null || approval.manager() != reboot.manager()) {
            found.accept(
                    Rule.NOT_APPROVED,
                    reboot + ": " + (approval == null ? "no gate approved it" : "what was approved is " + approval));
            return;
        }
        downOfGroup.remove(reboot.machine());
        // One that was frozen between its last check and the call may come when its attempt was given up for lost.
        if (!downOfGroup.isEmpty() && stalls.frozen(reboot.manager(), approval.micros(), reboot.micros()) == 0) {
            found.accept(Rule.TWO_OF_A_GROUP, reboot + " while " + downOfGroup + " of its group are down");
        }
        downOfGroup.add(reboot.machine());
    }
}
