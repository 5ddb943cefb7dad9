package dev.shepherd.testkit.fleet;

import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.Explanation.OfProcess;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.operator.LiveSession;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.status.LoopStatus;
import dev.shepherd.testkit.provider.FakeProvider;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What a failure says of a fleet. */
final class Told {

    private Told() {}

    /** Says what was waited for in vain, and what the loops make of the machine, or of all machines. */
    static String overdue(String what, Duration limit, TestFleet fleet, @Nullable TestMachine machine)
            throws InterruptedException {
        StringBuilder text = new StringBuilder(what + ": this was not so within " + Spans.text(limit));
        if (fleet.managers().isEmpty()) {
            text.append("\n  no manager was started here: call start(), unless the test runs one itself");
        }
        for (TestMachine one : machine == null ? fleet.machines() : List.of(machine)) {
            text.append("\n  ").append(one.id()).append(": ");
            Optional<UUID> id = one.recordedId();
            if (id.isEmpty()) {
                text.append("not in the database");
                continue;
            }
            explanation(fleet, id.get()).ifPresent(says -> {
                for (OfProcess process : says.processes()) {
                    text.append("\n    ")
                            .append(process.process().name())
                            .append(": ")
                            .append(process.rule())
                            .append(", ")
                            .append(process.because());
                }
            });
        }
        for (Shepherd manager : fleet.managers()) {
            for (LoopStatus loop : manager.status().loops()) {
                loop.lastError()
                        .ifPresent(error -> text.append("\n  the last error of the ")
                                .append(loop.name())
                                .append(": ")
                                .append(error.message()));
            }
        }
        return text.toString();
    }

    private static Optional<Explanation> explanation(TestFleet fleet, UUID machine) throws InterruptedException {
        List<Shepherd> managers = fleet.managers();
        return managers.isEmpty()
                ? Operator.of(fleet.bmdb()).explain(machine, RecoveryPolicy.DEFAULT)
                : managers.get(0).explain(machine);
    }

    /** Says what is not as it should be when the managers are closed. */
    static List<String> leftovers(TestFleet fleet) {
        List<String> wrong = new ArrayList<>();
        for (TestMachine machine : fleet.machines()) {
            if (!machine.mayBeRebooted()) {
                unexpected(wrong, machine, machine.reboots(), "reboot");
                unexpected(wrong, machine, machine.reinstalls(), "reinstall");
            }
        }
        for (FakeProvider.Call call : fleet.provider().calls()) {
            if (call.end().isEmpty()) {
                wrong.add("a call of the provider still runs: " + call.operation()
                        + call.id().map(id -> " of " + id).orElse("") + ", by thread " + call.thread());
            }
        }
        try {
            for (LiveSession session : Operator.of(fleet.bmdb()).sessions()) {
                wrong.add("session " + session.component() + " (" + session.runtimeInfo()
                        + ") is still alive: close what started it before the test ends");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            wrong.add("interrupted before the sessions could be looked at");
        }
        return wrong;
    }

    private static void unexpected(List<String> wrong, TestMachine machine, int times, String action) {
        if (times > 0) {
            wrong.add("the provider was asked to " + action + " " + machine.id()
                    + (times == 1 ? "" : " " + times + " times")
                    + ", which the test neither broke, waited for nor allowed (TestMachine.allowReboots)");
        }
    }
}
