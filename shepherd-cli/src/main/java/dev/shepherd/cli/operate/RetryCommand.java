package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.BackedOff;
import dev.shepherd.bmdb.operator.BackoffFilter;
import dev.shepherd.bmdb.operator.LiveSession;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.cli.internal.BackoffOptions;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code shepherd retry}. */
@Command(
        name = "retry",
        description = {
            "Has machines tried again at once that failed and are left alone for a while: one machine, or with --all"
                    + " every one that matches. 'shepherd backoffs' lists them by their causes.",
            "",
            "A machine that fails again is left alone for the first period again. Machines in quarantine need 'shepherd"
                    + " release' instead."
        },
        mixinStandardHelpOptions = true)
public final class RetryCommand extends FleetCommand {

    @Parameters(arity = "0..1", paramLabel = "MACHINE", description = MachineArgument.ID)
    private @Nullable String machine;

    @Option(names = "--all", description = "all backoffs that the other options leave")
    private boolean all;

    @Mixin
    private BackoffOptions which = new BackoffOptions();

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Override
    void check(CommandLine commandLine) {
        if ((machine == null) != all) {
            throw new ParameterException(commandLine, "give either a machine or --all");
        }
    }

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        BackoffFilter filter = which.filter();
        if (machine != null) {
            filter = filter.ofMachine(MachineArgument.find(bmdb, machine, "--type", which.owner()));
        }
        Map<WorkProcess, Long> lifted = new TreeMap<>((one, other) -> one.name().compareTo(other.name()));
        operator.actions(bmdb).retry(filter, operator.reason(), one -> {
            print(out, one);
            lifted.merge(one.process(), 1L, Long::sum);
        });
        if (lifted.isEmpty()) {
            out.println("No such machine is backed off; 'shepherd backoffs' lists those that are, and 'shepherd explain"
                    + " MACHINE' says what else keeps one from being worked on");
            return 0;
        }
        for (Map.Entry<WorkProcess, Long> entry : lifted.entrySet()) {
            out.printf(
                    Locale.ROOT,
                    "%d lifted for %s: %s%n",
                    entry.getValue(),
                    entry.getKey(),
                    next(bmdb, entry.getKey()));
        }
        out.println(
                "What fails again is listed by 'shepherd backoffs', and each attempt by 'shepherd history MACHINE'");
        return 0;
    }

    private static void print(PrintWriter out, BackedOff one) {
        out.println(BackoffsCommand.name(one.provider(), one.providerId(), one.machineId()) + "  " + one.process()
                + "  was to wait until " + BackoffsCommand.time(one.until()) + ": " + one.kind());
        out.flush();
    }

    /** What to expect. */
    private static String next(Bmdb bmdb, WorkProcess process) throws InterruptedException {
        if (process.equals(WorkProcess.AGENT_START)) {
            return runs(bmdb, "initializer")
                    ? "due now; the running initializers take them up within seconds, a few at a time"
                    : "due now, but no initializer is running: start 'shepherd run'";
        }
        if (process.equals(WorkProcess.RECOVERY)) {
            return runs(bmdb, "recoverer")
                    ? "looked at within a minute, and recovered within the limits"
                    : "due now, but no recoverer is running: start 'shepherd run'";
        }
        return "due as soon as your program claims them";
    }

    private static boolean runs(Bmdb bmdb, String component) throws InterruptedException {
        return Operator.of(bmdb).sessions().stream()
                .map(LiveSession::component)
                .anyMatch(name -> name.startsWith(component));
    }
}
