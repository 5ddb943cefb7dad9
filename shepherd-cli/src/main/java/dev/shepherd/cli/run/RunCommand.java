package dev.shepherd.cli.run;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.cli.internal.AgentListener;
import dev.shepherd.cli.internal.DatabaseOptions;
import dev.shepherd.cli.internal.DisruptionOptions;
import dev.shepherd.cli.internal.FoundProvider;
import dev.shepherd.cli.internal.PluginOptions;
import dev.shepherd.cli.internal.PropertyOptions;
import dev.shepherd.cli.internal.ProviderFactories;
import dev.shepherd.cli.internal.RecoveryOptions;
import dev.shepherd.cli.internal.Setting;
import dev.shepherd.cli.internal.Shutdown;
import dev.shepherd.cli.internal.WebOptions;
import dev.shepherd.cli.internal.WebPage;
import dev.shepherd.cli.internal.WebhookOptions;
import dev.shepherd.cli.settings.Given;
import dev.shepherd.cli.settings.ProcessSettings;
import dev.shepherd.cli.settings.Settings;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.web.webhook.Webhook;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code shepherd run}. */
@Command(
        name = "run",
        description = {
            "Runs a fleet until it is interrupted: finds the machines of a provider, records them, takes them over"
                    + " and brings back those that fall silent.",
            "",
            "Example: shepherd run --provider static --property list=file:machines.json --agent ./agent"
                    + " --agent-listen 10.0.0.1:7834"
        },
        mixinStandardHelpOptions = true,
        sortOptions = false)
public final class RunCommand implements Callable<Integer> {

    private static final Logger log = LoggerFactory.getLogger(RunCommand.class);

    /** How often the state is logged. */
    private static final Duration REPORT_INTERVAL = Duration.ofMinutes(1);

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Option(
            names = "--provider",
            paramLabel = "KIND",
            description = "the kind of provider; 'shepherd providers' lists them. A file of --config may list several"
                    + " in its place")
    private @Nullable String kind;

    @Option(
            names = "--type",
            paramLabel = "TYPE",
            description = "the name of this instance of the provider in the database (default: its kind)")
    private @Nullable String type;

    @Option(
            names = "--check",
            description = "read and check all settings, print those in effect with where each comes from, and end;"
                    + " with --config")
    private boolean check;

    @Option(
            names = "--loops",
            paramLabel = "LOOP",
            split = ",",
            description =
                    "the loops to run here, of: provisioner, initializer, recoverer, updater, roller (default: all)."
                            + " Without the initializer, none of the agent's options is needed")
    private List<String> loops = new ArrayList<>();

    @Mixin
    private PropertyOptions properties = new PropertyOptions();

    @Mixin
    private PluginOptions plugins = new PluginOptions();

    @Mixin
    private DatabaseOptions database = new DatabaseOptions();

    @Option(
            names = "--share-database",
            description = "start a fleet even if the schema has other tables, or the database has another fleet")
    private boolean shareDatabase;

    @Mixin
    private AgentOptions agent = new AgentOptions();

    @Mixin
    private WebOptions web = new WebOptions();

    @Mixin
    private WebhookOptions webhook = new WebhookOptions();

    @Mixin
    private RecoveryOptions recovery = new RecoveryOptions();

    @Mixin
    private DisruptionOptions disruptions = new DisruptionOptions();

    @Option(
            names = "--ssh-port",
            paramLabel = "PORT",
            description = "SSH port of machines whose provider names none (default: 22)")
    private @Nullable String sshPort;

    @Option(
            names = "--max-count",
            paramLabel = "N",
            description = "how many machines to have at most; 0 for no limit (default: 50, or no limit if the provider"
                    + " only takes note of machines)")
    private @Nullable String maxCount;

    @Option(
            names = "--chunk-size",
            paramLabel = "N",
            description = "how many machines one reconciliation creates at most (default: 20, or 1000 if the provider"
                    + " only takes note of machines)")
    private @Nullable String chunkSize;

    @Option(
            names = "--creation-interval",
            paramLabel = "SECONDS",
            description = "least time between two creations (default: 5, or 0 if the provider only takes note"
                    + " of machines)")
    private @Nullable String creationInterval;

    @Option(
            names = "--reconcile-interval",
            paramLabel = "SECONDS",
            description = "how long to wait between two reconciliations (default: 60)")
    private @Nullable String reconcileInterval;

    @Option(
            names = "--parallelism",
            paramLabel = "N",
            description = "how many machines to take over at once (default: 10)")
    private @Nullable String parallelism;

    @Option(
            names = "--max-failed-takeovers",
            paramLabel = "N",
            description = "quarantine a reachable machine after this many failed takeovers in a row, 2 to 1000, while"
                    + " others succeed (default: 20)")
    private @Nullable String maxFailures;

    @Option(
            names = "--max-losses",
            paramLabel = "N",
            description = "quarantine a machine after work on it was lost with its process this many times in a row,"
                    + " 2 to 1000 (default: " + BmdbConfig.MAX_LOSSES + ")")
    private @Nullable String maxLosses;

    @Option(
            names = "--history-retention",
            paramLabel = "SPAN",
            description =
                    "delete history of machines, and records of what operators did, that are older than this, such"
                            + " as 180d; at least a day (default: keep all)")
    private @Nullable String historyRetention;

    @Override
    public Integer call() throws InterruptedException {
        Settings settings = settings();
        ProcessSettings process = settings.process();
        requireOneSource(settings);
        try (ProviderFactories factories = ProviderFactories.open(process.plugins())) {
            RunSettings all = RunSettings.of(settings, process, factories, single(factories), check);
            if (check) {
                settings.report(spec.commandLine().getOut());
                return 0;
            }
            return run(all);
        }
    }

    private Settings settings() {
        Given given = new Given();
        plugins.give(given);
        given.putAll("loops", "--loops", loops);
        agent.give(given, database.hasFile());
        web.give(given);
        webhook.give(given);
        recovery.give(given);
        disruptions.give(given);
        given.put("database.migration", "--share-database", shareDatabase ? "migrate" : null);
        given.put("database.max-losses", "--max-losses", maxLosses);
        given.putSpan("database.history-retention", "--history-retention", historyRetention);
        given.put("initializer.ssh-port", "--ssh-port", sshPort);
        given.put("initializer.parallelism", "--parallelism", parallelism);
        given.put("initializer.max-failures", "--max-failed-takeovers", maxFailures);
        given.put("provisioner.max-count", "--max-count", maxCount);
        given.put("provisioner.chunk-size", "--chunk-size", chunkSize);
        given.putSpan("provisioner.creation-interval", "--creation-interval", creationInterval);
        given.putSpan("provisioner.interval", "--reconcile-interval", reconcileInterval);
        return database.settings(given);
    }

    /** Options that name a provider and a file that lists them do not say which of the two is meant. */
    private void requireOneSource(Settings settings) {
        boolean listed = settings.listsProviders();
        if (kind == null) {
            if (!listed) {
                throw new ConfigurationException(
                        "--provider",
                        "no provider is named: give --provider, or list providers in the file of " + Settings.CONFIG);
            }
            properties.requireNone();
            if (type != null) {
                throw new ConfigurationException("--type", "--type goes with --provider, which is not given");
            }
        } else if (listed) {
            throw new ConfigurationException(
                    "--provider",
                    "--provider names a provider, and so does the file of " + Settings.CONFIG
                            + ": add it to the file's list, or take the list away");
        }
    }

    private RunSettings.@Nullable Single single(ProviderFactories factories) {
        if (kind == null) {
            return null;
        }
        FoundProvider found = factories.find(kind);
        ProviderType named = Setting.of("--type", type == null ? found.kind() : type, ProviderType::new);
        return new RunSettings.Single(found, properties.config(found, named));
    }

    private static int run(RunSettings settings) throws InterruptedException {
        try (Shutdown shutdown = new Shutdown();
                Providers providers = Providers.create(settings.providers());
                DatabaseOptions.Opened opened = DatabaseOptions.openToRun(settings.database(), settings.connections());
                @Nullable
                        AgentListener listener = settings.endpoint().listens()
                                ? AgentListener.start(
                                        opened.bmdb(),
                                        settings.endpoint(),
                                        settings.endpointNames(),
                                        settings.callback())
                                : null;
                Shepherd shepherd = shepherd(settings, opened.bmdb(), providers);
                @Nullable
                        Webhook hook = settings.webhook()
                                .map(to -> Webhook.of(opened.bmdb(), to))
                                .orElse(null);
                @Nullable
                        WebPage page = settings.web().listen().isPresent()
                                ? WebPage.start(
                                        opened.bmdb(),
                                        shepherd,
                                        listener,
                                        hook,
                                        settings.policies(),
                                        settings.web().listen().get(),
                                        settings.web())
                                : null) {
            opened.endIfGone(shutdown);
            if (hook != null) {
                hook.start();
            }
            shepherd.start();
            if (listener != null) {
                log.info("Accepting calls of agents at {}", settings.endpoint().places());
            }
            Progress progress = new Progress();
            while (!shutdown.await(REPORT_INTERVAL.toMillis())) {
                progress.lines(shepherd.status().loops()).forEach(log::info);
            }
            opened.requireThere();
            log.info("Asked to end: stopping the loops and releasing their work");
        }
        return 0;
    }

    private static Shepherd shepherd(RunSettings settings, Bmdb bmdb, Providers providers) {
        Shepherd.Builder shepherd = Shepherd.builder()
                .bmdb(bmdb)
                .disruptions(settings.disruptions())
                .loops(settings.process().loops());
        settings.process().runtimeInfo().ifPresent(shepherd::runtimeInfo);
        providers.addTo(shepherd);
        return shepherd.build();
    }
}
