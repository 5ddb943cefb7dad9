package dev.shepherd.cli.run;

import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.callback.AgentEndpointLimits;
import dev.shepherd.cli.internal.AgentListener;
import dev.shepherd.cli.internal.DatabaseOptions;
import dev.shepherd.cli.internal.FoundProvider;
import dev.shepherd.cli.internal.PluginOptions;
import dev.shepherd.cli.internal.PropertyOptions;
import dev.shepherd.cli.internal.RecoveryOptions;
import dev.shepherd.cli.internal.Setting;
import dev.shepherd.cli.internal.Shutdown;
import dev.shepherd.cli.internal.SpanConverter;
import dev.shepherd.cli.internal.WebOptions;
import dev.shepherd.cli.internal.WebPage;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.status.LoopStatus;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.InitializerSettings;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

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

    @Option(
            names = "--provider",
            required = true,
            paramLabel = "KIND",
            description = "the kind of provider; 'shepherd providers' lists them")
    private String kind = "";

    @Option(
            names = "--type",
            paramLabel = "TYPE",
            description = "the name of this instance of the provider in the database (default: its kind)")
    private @Nullable String type;

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
    private RecoveryOptions recovery = new RecoveryOptions();

    @Option(
            names = "--ssh-port",
            paramLabel = "PORT",
            defaultValue = "22",
            description = "SSH port of machines whose provider names none (default: ${DEFAULT-VALUE})")
    private int sshPort = 22;

    @Option(
            names = "--max-count",
            paramLabel = "N",
            description = "how many machines to have at most; 0 for no limit (default: 50, or no limit if the provider"
                    + " only takes note of machines)")
    private @Nullable Integer maxCount;

    @Option(
            names = "--chunk-size",
            paramLabel = "N",
            description = "how many machines one reconciliation creates at most (default: 20, or 1000 if the provider"
                    + " only takes note of machines)")
    private @Nullable Integer chunkSize;

    @Option(
            names = "--creation-interval",
            paramLabel = "SECONDS",
            description = "least time between two creations (default: 5, or 0 if the provider only takes note"
                    + " of machines)")
    private @Nullable Integer creationInterval;

    @Option(
            names = "--reconcile-interval",
            paramLabel = "SECONDS",
            defaultValue = "60",
            description = "how long to wait between two reconciliations (default: ${DEFAULT-VALUE})")
    private int reconcileInterval = 60;

    @Option(
            names = "--parallelism",
            paramLabel = "N",
            defaultValue = "10",
            description = "how many machines to take over at once (default: ${DEFAULT-VALUE})")
    private int parallelism = 10;

    @Option(
            names = "--max-failed-takeovers",
            paramLabel = "N",
            defaultValue = "20",
            description = "quarantine a reachable machine after this many failed takeovers in a row, 2 to 1000, while"
                    + " others succeed (default: ${DEFAULT-VALUE})")
    private int maxFailures = 20;

    @Option(
            names = "--max-losses",
            paramLabel = "N",
            defaultValue = "" + BmdbConfig.MAX_LOSSES,
            description = "quarantine a machine after work on it was lost with its process this many times in a row,"
                    + " 2 to 1000 (default: ${DEFAULT-VALUE})")
    private int maxLosses = BmdbConfig.MAX_LOSSES;

    @Option(
            names = "--history-retention",
            paramLabel = "SPAN",
            converter = SpanConverter.class,
            description =
                    "delete history of machines, and records of what operators did, that are older than this, such"
                            + " as 180d; at least a day (default: keep all)")
    private @Nullable Duration historyRetention;

    @Override
    public Integer call() throws InterruptedException {
        return plugins.use(kind, type, this::run);
    }

    private int run(FoundProvider found, ProviderType provided) throws InterruptedException {
        ProviderConfig config = properties.config(found, provided);
        // Before the provider and the database, whose own settings say it no earlier than they are opened.
        Checks.count("--max-losses", maxLosses, 2, 1000);
        if (historyRetention != null) {
            Checks.span("--history-retention", historyRetention, Duration.ofDays(1), Duration.ofDays(36_500));
        }
        ProvisionerSettings provisioner = provisioner();
        InitializerSettings initializer = initializer();
        RecoveryPolicy policy = recovery.policy();
        RecovererSettings recoverer = RecovererSettings.builder().policy(policy).build();
        Optional<InetSocketAddress> webListen = web.listen();
        AgentTakeover takeover = agent.takeover();
        Optional<InetSocketAddress> listen = agent.listen();
        AgentEndpointLimits limits = agent.limits();
        try (Shutdown shutdown = new Shutdown();
                Provider provider = found.create(config);
                DatabaseOptions.Opened opened = database.openToRun(
                        parallelism
                                + 4
                                + (listen.isPresent() ? AgentListener.CONNECTIONS : 0)
                                + (webListen.isPresent() ? WebPage.CONNECTIONS : 0),
                        shareDatabase,
                        maxLosses,
                        historyRetention);
                @Nullable
                        AgentListener listener =
                                listen.isPresent() ? AgentListener.start(opened.bmdb(), listen.get(), limits) : null;
                Shepherd shepherd = Shepherd.builder()
                        .bmdb(opened.bmdb())
                        .provider(provider)
                        .takeover(takeover)
                        .provisioner(provisioner)
                        .initializer(initializer)
                        .recoverer(recoverer)
                        .build();
                @Nullable
                        WebPage page = webListen.isPresent()
                                ? WebPage.start(opened.bmdb(), shepherd, listener, policy, webListen.get(), web)
                                : null) {
            opened.endIfGone(shutdown);
            shepherd.start();
            if (listener != null) {
                log.info("Accepting calls of agents at {}", listen.get());
            }
            while (!shutdown.await(REPORT_INTERVAL.toMillis())) {
                shepherd.status().loops().forEach(RunCommand::report);
            }
            opened.requireThere();
            log.info("Asked to end: stopping the loops and releasing their work");
        }
        return 0;
    }

    private ProvisionerSettings provisioner() {
        ProvisionerSettings.Builder settings =
                ProvisionerSettings.builder().interval(Duration.ofSeconds(reconcileInterval));
        if (maxCount != null) {
            settings.maxCount(maxCount);
        }
        if (chunkSize != null) {
            settings.chunkSize(chunkSize);
        }
        if (creationInterval != null) {
            settings.creationInterval(Duration.ofSeconds(creationInterval));
        }
        return Setting.build(
                Map.of(
                        "interval", "--reconcile-interval",
                        "maxCount", "--max-count",
                        "chunkSize", "--chunk-size",
                        "creationInterval", "--creation-interval"),
                settings::build);
    }

    private InitializerSettings initializer() {
        InitializerSettings.Builder settings = InitializerSettings.builder()
                .parallelism(parallelism)
                .maxFailures(maxFailures)
                .sshPort(sshPort);
        return Setting.build(
                Map.of(
                        "parallelism", "--parallelism",
                        "maxFailures", "--max-failed-takeovers",
                        "sshPort", "--ssh-port"),
                settings::build);
    }

    private static void report(LoopStatus loop) {
        log.info(
                "{} {}: {} done, {} failed, {} in progress, waits for {}{}",
                loop.name(),
                loop.provider(),
                loop.succeeded(),
                loop.failed(),
                loop.inProgress(),
                loop.waitingFor(),
                loop.lastError()
                        .filter(LoopStatus.LastError::current)
                        .map(error -> "; last error at " + error.at() + ": " + error.message())
                        .orElse(""));
    }
}
