package dev.shepherd.cli.operate;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Rollout;
import dev.shepherd.bmdb.operator.RolloutActions;
import dev.shepherd.bmdb.operator.RolloutPlan;
import dev.shepherd.cli.internal.Setting;
import dev.shepherd.cli.internal.SpanConverter;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code shepherd rollout}. */
@Command(
        name = "rollout",
        description = "Brings the agents of a fleet to another executable, wave by wave.",
        subcommands = {
            RolloutCommand.Start.class,
            RolloutCommand.Status.class,
            RolloutCommand.Pause.class,
            RolloutCommand.Resume.class,
            RolloutCommand.Abort.class
        },
        mixinStandardHelpOptions = true)
public final class RolloutCommand implements Callable<Integer> {

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Override
    public Integer call() {
        spec.commandLine().usage(spec.commandLine().getErr());
        return ExitCode.USAGE;
    }

    /** {@code shepherd rollout start}. */
    @Command(
            name = "start",
            description = {
                "Begins a rollout. Its executable is stored in the database; the managers that run do the rest, and this"
                        + " command need not wait. First come the canaries, then a batch at a time, and never more"
                        + " machines at once than the limits of recovery allow. Each wave begins when all agents of the"
                        + " one before were heard for long enough.",
                "",
                "If too many machines fail or fall silent, the rollout stops, and the former agent is put back on them."
            },
            mixinStandardHelpOptions = true)
    static final class Start extends FleetCommand {

        @Option(
                names = "--agent",
                required = true,
                paramLabel = "FILE",
                description = "the executable, of at most 256 MiB")
        private Path agent = Path.of("");

        @Option(
                names = "--type",
                paramLabel = "TYPE",
                description = "the provider instance whose machines get it (default: static)")
        private String type = "static";

        @Option(names = "--canary", paramLabel = "N", description = "how many machines come first (default: 5)")
        private int canary = RolloutPlan.DEFAULT.canary();

        @Option(names = "--batch", paramLabel = "N", description = "how many come at a time after them (default: 50)")
        private int batch = RolloutPlan.DEFAULT.batch();

        @Option(
                names = "--bake",
                paramLabel = "SPAN",
                converter = SpanConverter.class,
                description =
                        "for how long the agents of a wave have to be heard, such as 1h; 1 s to 7 d (default: 15m)")
        private Duration bake = RolloutPlan.DEFAULT.bake();

        @Option(
                names = "--max-failures",
                paramLabel = "N",
                description = "how many machines may fail or fall silent before it stops (default: 2)")
        private int maxFailures = RolloutPlan.DEFAULT.maxFailures();

        @Option(
                names = "--selector",
                paramLabel = "SELECTOR",
                description =
                        "only machines with such labels, such as rack=7,tier!=db (default: all of the provider's)")
        private @Nullable String selector;

        @Mixin
        private OperatorOption operator = new OperatorOption();

        private RolloutPlan plan = RolloutPlan.DEFAULT;

        @Override
        void check(CommandLine commandLine) {
            Selector selected = selector == null ? null : Setting.of("--selector", selector, Selector::parse);
            try {
                plan = RolloutPlan.builder()
                        .canary(canary)
                        .batch(batch)
                        .bake(bake)
                        .maxFailures(maxFailures)
                        .selector(selected)
                        .build();
            } catch (ConfigurationException e) {
                String option =
                        e.property().orElse("plan").replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
                throw new ParameterException(commandLine, "--" + option + ": " + e.getMessage(), e);
            }
        }

        @Override
        int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
            ProviderType provider = Setting.of("--type", type, ProviderType::new);
            Rollout started;
            try {
                started = RolloutActions.of(bmdb, operator.actor()).start(provider, agent, plan, operator.reason());
            } catch (IOException e) {
                throw new ParameterException(commandLine, "--agent " + agent + " cannot be read: " + e.getMessage(), e);
            }
            PrintWriter out = commandLine.getOut();
            out.printf(
                    Locale.ROOT,
                    "Rollout %d of agent %s begins: %s%d machine(s) of %s%n",
                    started.id(),
                    started.build(),
                    started.isListed() ? "" : "more than ",
                    started.counts().waiting(),
                    provider);
            out.println("To see how it goes: shepherd rollout status");
            return ExitCode.OK;
        }
    }

    /** {@code shepherd rollout status}. */
    @Command(
            name = "status",
            description = "Shows the rollouts that are under way, or the last one, or the one that is named.",
            mixinStandardHelpOptions = true)
    static final class Status extends FleetCommand {

        @Parameters(arity = "0..1", paramLabel = "ID", description = "the rollout's number (default: see above)")
        private @Nullable Long id;

        @Override
        int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
            PrintWriter out = commandLine.getOut();
            if (id != null) {
                long wanted = id;
                print(
                        out,
                        Operator.of(bmdb)
                                .rollout(wanted)
                                .orElseThrow(
                                        () -> new ParameterException(commandLine, "there is no rollout " + wanted)));
                return ExitCode.OK;
            }
            List<Rollout> recent = Operator.of(bmdb).rollouts(1);
            if (recent.isEmpty()) {
                out.println("There has been no rollout.");
            } else if (recent.stream().noneMatch(one -> one.state().isUnderWay())) {
                print(out, recent.get(0));
            } else {
                recent.stream().filter(one -> one.state().isUnderWay()).forEach(one -> print(out, one));
            }
            return ExitCode.OK;
        }

        private static void print(PrintWriter out, Rollout rollout) {
            Rollout.Counts counts = rollout.counts();
            out.printf(
                    Locale.ROOT,
                    "Rollout %d of agent %s to the machines of %s: %s%s%n",
                    rollout.id(),
                    rollout.build(),
                    rollout.provider(),
                    rollout.state().name().toLowerCase(Locale.ROOT),
                    rollout.cause().map(cause -> ", " + cause).orElse(""));
            out.printf(
                    Locale.ROOT,
                    "  since %s%s, on behalf of %s; wave %d; %d canary machine(s), then %d at a time, each heard for %s;"
                            + " at most %d failure(s)%s%n",
                    rollout.startedAt().truncatedTo(ChronoUnit.SECONDS),
                    rollout.endedAt()
                            .map(at -> " until " + at.truncatedTo(ChronoUnit.SECONDS))
                            .orElse(""),
                    Escaped.text(rollout.startedBy()),
                    rollout.wave(),
                    rollout.plan().canary(),
                    rollout.plan().batch(),
                    Spans.text(rollout.plan().bake()),
                    rollout.plan().maxFailures(),
                    rollout.plan()
                            .selector()
                            .map(labels -> "; only machines with " + labels)
                            .orElse(""));
            line(out, counts.done(), "done: heard for long enough with the new agent");
            line(out, counts.baking(), "watched: the new agent has yet to be heard for long enough");
            line(out, counts.starting(), "due for a takeover, or in it");
            line(out, counts.waiting(), rollout.state().isUnderWay() ? "waiting for their turn" : "not reached");
            if (!rollout.isListed() && rollout.state().isUnderWay()) {
                out.println("  more machines are being listed");
            }
            line(out, counts.passed(), "left alone: paused, quarantined, installed, silent or the like");
            line(out, counts.failed(), "failed");
            line(out, counts.returning(), "failed, and get their former agent back");
            line(out, counts.returned(), "failed, and have their former agent back");
            rollout.troubles()
                    .forEach(trouble -> out.println("  machine " + trouble.machineId() + ": " + trouble.because()));
        }

        private static void line(PrintWriter out, int machines, String what) {
            if (machines > 0) {
                out.printf(Locale.ROOT, "  %6d %s%n", machines, what);
            }
        }
    }

    /** A command that changes a rollout. */
    abstract static class Change extends FleetCommand {

        @Parameters(
                arity = "0..1",
                paramLabel = "ID",
                description = "the rollout's number; may be left out if only one is under way")
        private @Nullable Long id;

        @Mixin
        private OperatorOption operator = new OperatorOption();

        private final Way way;
        private final String done;
        private final String notDone;

        /**
         * Says how a rollout is changed.
         *
         * @param done what is said of it then
         * @param notDone what is said of it if it could not be changed
         */
        Change(Way way, String done, String notDone) {
            this.way = way;
            this.done = done;
            this.notDone = notDone;
        }

        /** Changes a rollout; returns false if there is nothing to change. */
        interface Way {
            boolean change(RolloutActions actions, long rollout, String reason) throws InterruptedException;
        }

        @Override
        int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
            long rollout = id == null ? onlyOne(bmdb, commandLine) : id;
            if (Operator.of(bmdb).rollout(rollout).isEmpty()) {
                throw new ParameterException(commandLine, "there is no rollout " + rollout);
            }
            boolean changed = way.change(RolloutActions.of(bmdb, operator.actor()), rollout, operator.reason());
            if (!changed) {
                commandLine.getErr().println("shepherd: rollout " + rollout + " " + notDone);
                return ExitCode.SOFTWARE;
            }
            commandLine.getOut().println("Rollout " + rollout + " " + done);
            return ExitCode.OK;
        }

        private static long onlyOne(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
            List<Long> underWay = Operator.of(bmdb).rollouts(1).stream()
                    .filter(one -> one.state().isUnderWay())
                    .map(Rollout::id)
                    .toList();
            if (underWay.size() != 1) {
                throw new ParameterException(
                        commandLine,
                        underWay.isEmpty()
                                ? "no rollout is under way"
                                : "several rollouts are under way, name one: " + underWay);
            }
            return underWay.get(0);
        }
    }

    /** {@code shepherd rollout pause}. */
    @Command(
            name = "pause",
            description =
                    "Has a rollout choose no further machines until it is resumed. Those that it has begun with are"
                            + " watched as before.",
            mixinStandardHelpOptions = true)
    static final class Pause extends Change {
        Pause() {
            super(
                    RolloutActions::pause,
                    "is paused. To go on: shepherd rollout resume --reason TEXT",
                    "is not running");
        }
    }

    /** {@code shepherd rollout resume}. */
    @Command(name = "resume", description = "Has a paused rollout go on.", mixinStandardHelpOptions = true)
    static final class Resume extends Change {
        Resume() {
            super(RolloutActions::resume, "goes on", "is not paused");
        }
    }

    /** {@code shepherd rollout abort}. */
    @Command(
            name = "abort",
            description = "Ends a rollout. Machines whose new agent was not heard for long enough yet get their former"
                    + " one back; the others keep what they have.",
            mixinStandardHelpOptions = true)
    static final class Abort extends Change {
        Abort() {
            super(RolloutActions::abort, "has ended", "has ended already");
        }
    }
}
