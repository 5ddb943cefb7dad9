package dev.shepherd.cli.operate;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.PlannedRecovery;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.cli.internal.FoundProvider;
import dev.shepherd.cli.internal.PluginOptions;
import dev.shepherd.cli.internal.PropertyOptions;
import dev.shepherd.cli.internal.RecoveryOptions;
import dev.shepherd.cli.internal.Setting;
import dev.shepherd.cli.settings.Given;
import dev.shepherd.manager.Plan;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.provisioning.ProvisioningPlan;
import dev.shepherd.manager.recovery.RecovererSettings;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code shepherd plan}. */
@Command(
        name = "plan",
        description = {
            "Shows what the loops would do now, and changes nothing: which machines would be recovered and how, and,"
                    + " if a provider is given as for 'run', which would be created.",
            "",
            "Pass the limits that the fleet runs with, unless they are the defaults."
        },
        mixinStandardHelpOptions = true)
public final class PlanCommand extends FleetCommand {

    @Option(
            names = "--provider",
            paramLabel = "KIND",
            description = "the kind of provider to list; without it, only recovery is planned, for a provider that can"
                    + " reboot machines")
    private @Nullable String kind;

    @Option(
            names = "--type",
            paramLabel = "TYPE",
            description = "the name of this instance of the provider in the database (default: its kind, or static)")
    private @Nullable String type;

    @Mixin
    private PropertyOptions properties = new PropertyOptions();

    @Option(
            names = "--max-count",
            paramLabel = "N",
            description = "how many machines to have at most; 0 for no limit (default: 50, or no limit if the provider"
                    + " only takes note of machines)")
    private @Nullable String maxCount;

    @Mixin
    private PluginOptions plugins = new PluginOptions();

    @Mixin
    private RecoveryOptions recovery = new RecoveryOptions();

    @Override
    void give(Given given) {
        recovery.give(given);
        given.put("provisioner.max-count", "--max-count", maxCount);
    }

    @Override
    void check(CommandLine commandLine) {
        settings().recovery();
        if (kind == null) {
            properties.requireNone();
            plugins.requireNone();
            if (maxCount != null) {
                throw new ConfigurationException("--max-count", "--max-count goes with --provider, which is not given");
            }
        }
    }

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        if (kind == null) {
            ProviderType provider = Setting.of("--type", type == null ? "static" : type, ProviderType::new);
            PlannedRecovery planned =
                    Operator.of(bmdb).planRecovery(provider, settings().recovery(provider), true);
            print(out, planned);
            if (!planned.steps().isEmpty()) {
                out.println("  (assuming that the provider can reboot machines; give --provider to check that)");
            }
            print(out, bmdb, provider);
        } else {
            Plan plan = plugins.use(kind, type, (found, name) -> plan(bmdb, found, name));
            print(out, plan.provisioning());
            print(out, plan.recovery());
            print(out, bmdb, Setting.of("--type", type == null ? kind : type, ProviderType::new));
        }
        return 0;
    }

    private Plan plan(Bmdb bmdb, FoundProvider found, ProviderType type) throws InterruptedException {
        try (Provider provider = found.create(properties.config(found, type));
                Shepherd shepherd = Shepherd.builder()
                        .bmdb(bmdb)
                        .provider(provider)
                        .takeover(target -> {
                            throw new IllegalStateException("a plan takes nothing over");
                        })
                        .provisioner(settings().provisioner(type))
                        .recoverer(RecovererSettings.builder()
                                .policy(settings().recovery(type))
                                .build())
                        .build()) {
            return shepherd.plan(type);
        }
    }

    private static void print(PrintWriter out, ProvisioningPlan plan) {
        out.printf(
                Locale.ROOT,
                "Provisioner: the provider lists %d machine(s), the database has %d%n",
                plan.listed(),
                plan.recorded());
        plan.discrepancies().forEach(one -> out.println("  stops at a discrepancy: " + one));
        if (plan.discrepancyCount() > plan.discrepancies().size()) {
            out.printf(
                    Locale.ROOT,
                    "  and at %d more%n",
                    plan.discrepancyCount() - plan.discrepancies().size());
        }
        lines(out, "  does nothing: ", plan.paused());
        lines(out, "  adopts ", plan.adopt());
        lines(out, "  carries on with ", plan.resume());
        lines(out, "  creates ", plan.create());
        if (plan.outlook().heldBack() > 0) {
            out.printf(
                    Locale.ROOT,
                    "  holds back %d free machine(s): the maximum is reached%n",
                    plan.outlook().heldBack());
        }
        lines(out, "  passes over: ", plan.outlook().passedOverBecause());
        if (plan.discrepancies().isEmpty()
                && plan.adopt().isEmpty()
                && plan.resume().isEmpty()
                && plan.create().isEmpty()) {
            out.println("  has nothing to do");
        }
    }

    private static void print(PrintWriter out, PlannedRecovery plan) {
        out.printf(
                Locale.ROOT,
                "Recoverer: %d machine(s) to bring back, %d in recovery%s%n",
                plan.outlook().due(),
                plan.outlook().inRecovery(),
                plan.outlook().due() == 0 ? "" : ", at most " + plan.outlook().limit() + " at once");
        plan.outlook()
                .freezes()
                .forEach(freeze -> out.println("  is frozen for " + freeze.scope() + " since " + freeze.at() + ": "
                        + Escaped.text(freeze.evidence())));
        lines(out, "  holds back ", plan.outlook().heldBack());
        plan.steps()
                .forEach(step -> out.printf(
                        Locale.ROOT,
                        "  %s %s (%s), attempt %d%n",
                        step.action(),
                        step.machineId(),
                        step.providerId(),
                        step.attempts() + 1));
        if (plan.steps().isEmpty()) {
            out.println("  has nothing to do now");
        }
    }

    private static void print(PrintWriter out, Bmdb bmdb, ProviderType provider) throws InterruptedException {
        Operator.of(bmdb).rollouts(1).stream()
                .filter(one -> one.provider().equals(provider) && one.state().isUnderWay())
                .forEach(one -> out.printf(
                        Locale.ROOT,
                        "Roller: rollout %d of agent %s, %s: %d machine(s) at work, %d waiting; at most %d next, once these"
                                + " are done%n",
                        one.id(),
                        one.build(),
                        one.state().name().toLowerCase(Locale.ROOT),
                        one.counts().starting()
                                + one.counts().baking()
                                + one.counts().returning(),
                        one.counts().waiting(),
                        one.plan().next(one.counts().done())));
    }

    private static void lines(PrintWriter out, String what, List<?> lines) {
        lines.forEach(line -> out.println(what + Escaped.text(line)));
    }
}
