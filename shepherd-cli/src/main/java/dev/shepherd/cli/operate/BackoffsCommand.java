package dev.shepherd.cli.operate;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.BackedOff;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.cli.internal.Advice;
import dev.shepherd.cli.internal.BackoffOptions;
import java.io.PrintWriter;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code shepherd backoffs}. */
@Command(
        name = "backoffs",
        description =
                "Shows which machines failed and are left alone for a while, by what they failed for, and when each"
                        + " is tried again. 'shepherd retry' has them tried at once.",
        mixinStandardHelpOptions = true)
public final class BackoffsCommand extends FleetCommand {

    private static final int PAGE = 1000;

    /** How many machines with one cause are named. */
    private static final int MOST_NAMED = 10;

    /** How many of the texts of one kind are shown. */
    private static final int MOST_TEXTS = 3;

    @Mixin
    private BackoffOptions which = new BackoffOptions();

    /** Machines that a process leaves alone for the same kind of cause. */
    private static final class Group {
        private final WorkProcess process;
        private final String kind;
        private final List<BackedOff> machines = new ArrayList<>();

        Group(WorkProcess process, String kind) {
            this.process = process;
            this.kind = kind;
        }

        /** Returns an example of each text, and how often it is there, the most frequent ones first. */
        List<Map.Entry<String, Integer>> texts() {
            Map<String, String> examples = new LinkedHashMap<>();
            Map<String, Integer> counts = new LinkedHashMap<>();
            for (BackedOff one : machines) {
                // Numbers in it, such as sizes, times and addresses, are of this one machine.
                String key = one.cause().replaceAll("[0-9a-f]*[0-9][0-9a-f.:]*", "#");
                examples.putIfAbsent(key, one.cause());
                counts.merge(key, 1, Integer::sum);
            }
            return counts.entrySet().stream()
                    .sorted(Map.Entry.<String, Integer>comparingByValue().reversed())
                    .map(entry -> Map.entry(examples.get(entry.getKey()), entry.getValue()))
                    .toList();
        }

        Instant first() {
            return machines.stream()
                    .map(BackedOff::until)
                    .min(Comparator.naturalOrder())
                    .orElseThrow();
        }

        Instant last() {
            return machines.stream()
                    .map(BackedOff::until)
                    .max(Comparator.naturalOrder())
                    .orElseThrow();
        }
    }

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        Map<String, Group> groups = new LinkedHashMap<>();
        UUID after = null;
        List<BackedOff> page;
        do {
            page = Operator.of(bmdb).backoffs(which.filter(), after, PAGE);
            page.forEach(one -> add(groups, one));
            after = page.size() < PAGE ? null : page.get(page.size() - 1).machineId();
        } while (after != null);
        if (groups.isEmpty()) {
            out.println("No machine is backed off");
        }
        groups.values().stream()
                .sorted(Comparator.comparing((Group group) -> -group.machines.size()))
                .forEach(group -> print(out, group));
        return 0;
    }

    private static void add(Map<String, Group> groups, BackedOff one) {
        groups.computeIfAbsent(one.process() + " " + one.kind(), made -> new Group(one.process(), one.kind()))
                .machines
                .add(one);
    }

    private static void print(PrintWriter out, Group group) {
        int count = group.machines.size();
        out.printf(Locale.ROOT, "%s, %s: %d machine(s)%n", group.process, group.kind, count);
        List<Map.Entry<String, Integer>> texts = group.texts();
        for (Map.Entry<String, Integer> text : texts.subList(0, Math.min(MOST_TEXTS, texts.size()))) {
            String times = text.getValue() == 1 ? "  " : "  " + text.getValue() + " such as: ";
            out.println(times + Escaped.text(text.getKey()));
        }
        if (texts.size() > MOST_TEXTS) {
            out.println("  and " + (texts.size() - MOST_TEXTS) + " other causes of this kind");
        }
        out.println("  "
                + String.join(
                        ", ",
                        group.machines.stream()
                                .map(one -> name(one.provider(), one.providerId(), one.machineId()))
                                .sorted()
                                .limit(MOST_NAMED)
                                .toList())
                + (count > MOST_NAMED ? " and " + (count - MOST_NAMED) + " more" : ""));
        out.println("  tried again " + (count == 1 ? "at " : "from ") + time(group.first())
                + (count == 1 ? "" : " to " + time(group.last())));
        Advice.on(group.kind).ifPresent(advice -> out.println("  " + advice));
        out.println("  at once: shepherd retry "
                + (count == 1
                        ? group.machines.get(0).machineId()
                        : "--all --process " + group.process + " --kind " + group.kind)
                + " --reason TEXT");
    }

    /** Names a machine as people do. */
    static String name(Optional<ProviderType> provider, Optional<ProviderID> providerId, UUID machineId) {
        return provider.isPresent() && providerId.isPresent()
                ? provider.get() + " " + providerId.get()
                : machineId.toString();
    }

    /** Says when, to the second. */
    static String time(Instant at) {
        return at.truncatedTo(ChronoUnit.SECONDS).toString();
    }
}
