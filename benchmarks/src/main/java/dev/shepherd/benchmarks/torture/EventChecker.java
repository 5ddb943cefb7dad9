package dev.shepherd.benchmarks.torture;

import dev.shepherd.benchmarks.torture.Checker.Rule;
import dev.shepherd.benchmarks.torture.Effect.Kind;
import dev.shepherd.benchmarks.torture.Evidence.HistoryLine;
import dev.shepherd.benchmarks.torture.Evidence.MachineRow;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.event.ShepherdEvent;
import dev.shepherd.bmdb.event.StoredEvent;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.BiConsumer;

/**
 * Compares what the durable feed tells with what happened: takeovers with the history, reboots with the effects, and what
 * one reader read at the time with what another one reads in the end. And finds machines of which things are told in an
 * order in which they cannot have happened.
 */
final class EventChecker {

    private static final String AGENT_START = "ShepherdAgentStart";
    private static final String FINISHED = "Finished";
    private static final String FAILED = "Failed";
    private static final Set<String> ENDS = Set.of(FINISHED, FAILED);
    private static final String REBOOT = "Reboot";

    private final Evidence evidence;
    private final BiConsumer<Rule, String> found;

    EventChecker(Evidence evidence, BiConsumer<Rule, String> found) {
        this.evidence = evidence;
        this.found = found;
    }

    void check() {
        if (!evidence.followed().equals(evidence.told())) {
            missed("a reader read " + evidence.followed().size()
                    + " event(s) while they happened, and one that came late "
                    + evidence.told().size() + ", or others, or in another order");
        }
        Map<UUID, List<ShepherdEvent>> told = new HashMap<>();
        for (StoredEvent stored : evidence.told()) {
            stored.event()
                    .machineId()
                    .ifPresent(machine -> told.computeIfAbsent(machine, any -> new ArrayList<>())
                            .add(stored.event()));
        }
        Map<UUID, List<String>> takeovers = new HashMap<>();
        for (HistoryLine line : evidence.history()) {
            if (line.process().equals(AGENT_START) && ENDS.contains(line.event())) {
                takeovers
                        .computeIfAbsent(line.machine(), any -> new ArrayList<>())
                        .add(line.event());
            }
        }
        for (MachineRow machine : evidence.machines()) {
            List<ShepherdEvent> of = told.getOrDefault(machine.id(), List.of());
            checkTakeovers(machine, of, takeovers.getOrDefault(machine.id(), List.of()));
            checkAttempts(machine, of);
            checkReboots(machine, of);
        }
    }

    private void checkTakeovers(MachineRow machine, List<ShepherdEvent> told, List<String> happened) {
        List<String> ends = new ArrayList<>();
        long recorded = 0;
        for (ShepherdEvent event : told) {
            switch (event.kind()) {
                case MACHINE_RECORDED -> recorded++;
                case TAKEN_OVER -> ends.add(FINISHED);
                case TAKEOVER_FAILED -> {
                    if (event.detail("ended").orElse("").equals(FAILED)) {
                        ends.add(FAILED);
                    }
                }
                default -> {
                    // Not of a takeover.
                }
            }
        }
        if (!ends.equals(happened)) {
            missed(machine + ": takeovers ended as " + happened + ", and were told of as " + ends);
        }
        if (recorded != 1) {
            missed(machine + " was told of as recorded " + recorded + " times");
        }
    }

    /** An attempt is made at a machine that is silent, and is answered once at most: its manager may die before. */
    private void checkAttempts(MachineRow machine, List<ShepherdEvent> told) {
        boolean isSilent = false;
        int unanswered = 0;
        for (ShepherdEvent event : told) {
            switch (event.kind()) {
                case SILENT, RELAPSED -> isSilent = true;
                case TAKEN_OVER, FIRST_HEARD -> isSilent = false;
                case ATTEMPT_DECIDED -> {
                    unanswered++;
                    if (!isSilent) {
                        missed(machine + ": " + event + ", and it had not been told of as silent");
                    }
                }
                case ATTEMPT_SENT, ATTEMPT_REFUSED -> {
                    if (unanswered == 0) {
                        missed(machine + ": " + event + ", and no attempt had been decided on");
                    }
                    unanswered = 0;
                }
                default -> {
                    // Not of recovery.
                }
            }
        }
    }

    /** Each reboot was decided on before it happened. One that was decided on need not happen: its manager may die. */
    private void checkReboots(MachineRow machine, List<ShepherdEvent> told) {
        List<Instant> decided = told.stream()
                .filter(event -> event.kind() == EventKind.ATTEMPT_DECIDED
                        && event.detail("action").orElse("").equals(REBOOT))
                .map(ShepherdEvent::at)
                .sorted()
                .toList();
        List<Effect> reboots = evidence.effects().stream()
                .filter(effect ->
                        effect.kind() == Kind.REBOOT && effect.machine().equals(machine.providerId()))
                .sorted((one, other) -> Long.compare(one.micros(), other.micros()))
                .toList();
        for (int i = 0; i < reboots.size(); i++) {
            Effect reboot = reboots.get(i);
            if (i >= decided.size() || ChronoUnit.MICROS.between(Instant.EPOCH, decided.get(i)) > reboot.micros()) {
                missed(reboot + " was the reboot number " + (i + 1) + " of the machine, and " + decided.size()
                        + " were told of as decided, at " + decided);
            }
        }
    }

    private void missed(String what) {
        found.accept(Rule.EVENT_MISSED, what);
    }
}
