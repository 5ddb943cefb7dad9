package dev.shepherd.cli.operate;

import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.cli.internal.DisruptionOptions;
import dev.shepherd.cli.internal.FoundProvider;
import dev.shepherd.cli.internal.PluginOptions;
import dev.shepherd.cli.internal.PropertyOptions;
import dev.shepherd.cli.internal.RecoveryOptions;
import dev.shepherd.cli.settings.Given;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.recovery.RecovererSettings;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What {@code shepherd reboot} and {@code shepherd reinstall} have in common. */
abstract class InterventionCommand extends FleetCommand {

    @Parameters(paramLabel = "MACHINE", description = MachineArgument.ID)
    private String machine = "";

    @Option(
            names = "--provider",
            paramLabel = "KIND",
            required = true,
            description = "the kind of provider, as for 'run'; 'shepherd providers' lists them")
    private String kind = "";

    @Option(
            names = "--type",
            paramLabel = "TYPE",
            description = "the name of this instance of the provider in the database (default: its kind)")
    private @Nullable String type;

    @Mixin
    private PropertyOptions properties = new PropertyOptions();

    @Option(
            names = "--force",
            description = "do it though a pause, a freeze, a limit or a gate is in the way; the record says so")
    private boolean force;

    @Mixin
    private PluginOptions plugins = new PluginOptions();

    /** What is refused, what counts against the machine from now on, and what follows, depend on them. */
    @Mixin
    private RecoveryOptions recovery = new RecoveryOptions();

    @Mixin
    private DisruptionOptions disruptions = new DisruptionOptions();

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Override
    void give(Given given) {
        recovery.give(given);
        disruptions.give(given);
    }

    @Override
    void check(CommandLine commandLine) {
        settings().recovery();
        settings().disruptions();
    }

    /** Returns the machine as it was named. */
    String machine() {
        return machine;
    }

    abstract Explanation act(Shepherd shepherd, UUID machineId, Actor actor, String reason, boolean force)
            throws InterruptedException;

    abstract String done();

    @Override
    final int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        Actor actor = operator.actor();
        String why = operator.reason();
        return plugins.use(kind, type, (found, name) -> {
            UUID machineId = MachineArgument.find(bmdb, machine, "--type", name.name());
            Explanation explanation = act(bmdb, found, name, machineId, actor, why);
            commandLine.getOut().println(done() + " machine " + machineId + "; what follows:");
            ExplainCommand.print(commandLine.getOut(), explanation, Optional.empty());
            return 0;
        });
    }

    private Explanation act(Bmdb bmdb, FoundProvider found, ProviderType name, UUID machineId, Actor actor, String why)
            throws InterruptedException {
        try (Provider provider = found.create(properties.config(found, name));
                Shepherd shepherd = Shepherd.builder()
                        .bmdb(bmdb)
                        .provider(provider)
                        .recoverer(RecovererSettings.builder()
                                .policy(settings().recovery(name))
                                .build())
                        .disruptions(settings().disruptions())
                        .takeover(target -> {
                            throw new IllegalStateException("this command takes nothing over");
                        })
                        .build()) {
            return act(shepherd, machineId, actor, why, force);
        }
    }
}
