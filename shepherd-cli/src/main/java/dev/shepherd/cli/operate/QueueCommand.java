package dev.shepherd.cli.operate;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.QueueCheck;
import dev.shepherd.cli.internal.RecoveryOptions;
import dev.shepherd.cli.settings.Given;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code shepherd queue}. */
@Command(
        name = "queue",
        description = "Verifies and rebuilds the queue of due work.",
        subcommands = {QueueCommand.Verify.class, QueueCommand.Rebuild.class},
        mixinStandardHelpOptions = true)
public final class QueueCommand implements Callable<Integer> {

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Override
    public Integer call() {
        spec.commandLine().usage(spec.commandLine().getErr());
        return ExitCode.USAGE;
    }

    /** {@code shepherd queue verify}. */
    @Command(
            name = "verify",
            description = {
                "Compares the queue of due work with the tags that it is derived from. Reads every machine. Exit code 1"
                        + " if they differ.",
                "",
                "Pass the limits that the fleet runs with, unless they are the defaults."
            },
            mixinStandardHelpOptions = true)
    static final class Verify extends FleetCommand {

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
            PrintWriter out = commandLine.getOut();
            QueueCheck check = Operator.of(bmdb).verifyQueue(settings().recoveryOfEach());
            out.printf(
                    Locale.ROOT,
                    "%d entries; %d missing, %d late, %d superfluous%n",
                    check.entries(),
                    check.missing(),
                    check.late(),
                    check.superfluous());
            check.examples().forEach(example -> out.println("  " + Escaped.text(example)));
            if (!check.isRight()) {
                commandLine.getErr().println("shepherd: the queue is wrong; 'shepherd queue rebuild' repairs it");
                return ExitCode.SOFTWARE;
            }
            return 0;
        }
    }

    /** {@code shepherd queue rebuild}. */
    @Command(
            name = "rebuild",
            description =
                    "Rebuilds the queue of due work, a few thousand machines at a time. Loops may go on meanwhile.",
            mixinStandardHelpOptions = true)
    static final class Rebuild extends FleetCommand {

        @Override
        int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
            long machines = Operator.of(bmdb).rebuildQueue();
            commandLine.getOut().println("Rebuilt the queue for " + machines + " machine(s)");
            return 0;
        }
    }
}
