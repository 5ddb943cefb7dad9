package dev.shepherd.cli.contract;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.cli.contract.RuleResult.Kind;
import java.io.PrintWriter;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Tells it to people, a line for each rule as it goes. What the provider says is escaped, and indented. */
final class TextReport implements Report {

    private static final int LONGEST = 100;

    private final PrintWriter out;
    private final Map<Kind, Integer> counts = new EnumMap<>(Kind.class);
    private final Map<Need, Integer> needs = new EnumMap<>(Need.class);

    TextReport(PrintWriter out) {
        this.out = out;
    }

    @Override
    public void begins(Plan plan) {
        out.println("Contract of providers, on " + Escaped.text(plan.provider()));
        if (plan.machines().isEmpty()) {
            out.println("Only rules that read are tried: no machine is created, rebooted or reinstalled.");
        } else {
            out.println("These machines may be created (which takes them into use)"
                    + (plan.reboots() ? ", rebooted" : "")
                    + (plan.reinstalls() ? ", reinstalled (which destroys what is on them)" : "")
                    + ". No other one is touched:");
            plan.machines().forEach(machine -> out.println("  " + Escaped.text(machine)));
            if (plan.faults()) {
                out.println("Faults are let in: a creation may be left half-made.");
            }
        }
        out.println();
        out.flush();
    }

    @Override
    public void rule(RuleResult result) {
        counts.merge(result.kind(), 1, Integer::sum);
        String kind = switch (result.kind()) {
            case KEPT -> "kept";
            case BROKEN -> "BROKEN";
            case SKIPPED -> "skipped";
        };
        String line =
                "%-8s %s %-6s ".formatted(kind, result.rule(), result.rule().force());
        if (result.kind() == Kind.SKIPPED) {
            Need.in(result.text()).ifPresent(need -> needs.merge(need, 1, Integer::sum));
            out.println(line + Escaped.text(Need.reason(result.text())));
        } else {
            String trials = result.trials() > 1 ? " (" + result.trials() + " trials)" : "";
            out.println(line + shortened(result.rule().text()) + trials);
        }
        if (result.kind() == Kind.BROKEN) {
            result.text().lines().forEach(text -> out.println("    " + Escaped.text(text)));
        }
        out.flush();
    }

    private static String shortened(String text) {
        return text.length() <= LONGEST ? text : text.substring(0, LONGEST - 1) + "…";
    }

    @Override
    public void ends(List<String> left, List<String> refused, boolean ended) {
        out.println();
        if (ended) {
            out.println("Ended before all rules were tried.");
        }
        refused.forEach(call -> out.println("Not passed on, since it was not allowed: " + Escaped.text(call)));
        out.println(count(Kind.KEPT) + " kept, " + count(Kind.BROKEN) + " broken, " + count(Kind.SKIPPED) + " skipped");
        needs.forEach((need, count) -> out.println("  " + count + (count == 1 ? " needs " : " need ") + need.words()));
        if (!left.isEmpty()) {
            out.println();
            out.println("How the machines were left; what is in use has to be freed by a person:");
            left.forEach(line -> out.println("  " + Escaped.text(line)));
        }
        out.flush();
    }

    private int count(Kind kind) {
        return counts.getOrDefault(kind, 0);
    }
}
