package dev.shepherd.cli.operate;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.Explanation.OfProcess;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.MachineRecord.Label;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.disruption.MachineDisruption;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.cli.internal.RecoveryOptions;
import dev.shepherd.cli.settings.Given;
import java.io.PrintWriter;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code shepherd explain}. */
@Command(
        name = "explain",
        description = {
            "Explains what each process would do with a machine now: whether it would claim it, the rule or limit that"
                    + " decides, what would change that, and when it is looked at next.",
            "",
            "Pass the limits that the fleet runs with, unless they are the defaults."
        },
        mixinStandardHelpOptions = true)
public final class ExplainCommand extends FleetCommand {

    @Mixin
    private MachineArgument machine = new MachineArgument();

    @Mixin
    private RecoveryOptions recovery = new RecoveryOptions();

    @Override
    void give(Given given) {
        recovery.give(given);
    }

    @Override
    void check(CommandLine commandLine) {
        settings().recovery();
    }

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        UUID id = machine.find(bmdb);
        RecoveryPolicy policy = bmdb.machine(id)
                .flatMap(MachineRecord::provided)
                .map(provided -> settings().recovery(provided.provider()))
                .orElseGet(settings()::recovery);
        Explanation explanation = Operator.of(bmdb).explain(id, policy).orElseThrow();
        print(commandLine.getOut(), explanation, Operator.of(bmdb).disruption(id));
        return 0;
    }

    private static String label(Map.Entry<String, Label> label) {
        String source = label.getValue().source().databaseName().toLowerCase(Locale.ROOT);
        return label.getKey() + "=" + label.getValue().value() + " (" + source + ")";
    }

    static void print(PrintWriter out, Explanation explanation, Optional<MachineDisruption> disruption) {
        MachineRecord machine = explanation.machine();
        out.println("Machine " + machine.machineId()
                + machine.provided()
                        .map(provided -> ", " + provided.providerId() + " of provider " + provided.provider()
                                + provided.location()
                                        .map(at -> " at " + Escaped.text(at))
                                        .orElse("")
                                + provided.status()
                                        .map(status -> ", " + status.databaseName())
                                        .orElse(""))
                        .orElse(", without a provider"));
        if (!machine.labels().isEmpty()) {
            out.println("Labels: "
                    + machine.labels().entrySet().stream()
                            .map(ExplainCommand::label)
                            .collect(Collectors.joining(", ")));
        }
        // Whichever rule comes first: these are the limits of this command, and gates went by those of the fleet.
        disruption.ifPresent(said -> out.println("Gates: "
                + said.explain().orElseGet(said::describe)
                + said.until()
                        .filter(Instant.MAX::isAfter)
                        .map(until -> ", asked again from " + until.truncatedTo(ChronoUnit.SECONDS) + " on")
                        .orElse("")));
        for (OfProcess process : explanation.processes()) {
            out.println();
            out.println(process.process() + ": " + (process.eligible() ? "yes" : "no") + ", " + process.rule());
            out.println("  because      " + process.because());
            out.println("  changed by   " + process.change());
            process.nextLookAt().ifPresent(at -> out.println("  next look    " + at));
        }
        explanation.providerCheckAt().ifPresent(at -> {
            out.println();
            out.println("The updater checks it at the provider next at " + at);
        });
    }
}
