package dev.shepherd.cli.settings;

import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.BmdbConfig.Migration;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.agent.AgentCallbackConfig;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.callback.AgentEndpointLimits;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.listing.UpdaterSettings;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.HostKeyPolicy;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.web.webhook.WebhookSettings;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Function;

/**
 * All settings that a process can have: where each is in a configuration file, how its text is read, and the builder's
 * method that takes it. The names of options come from the classes that declare them, by {@link Given}.
 */
public final class Sections {

    static final String DATABASE = "database";
    static final String PROVISIONER = "provisioner";
    static final String INITIALIZER = "initializer";
    static final String RECOVERER = "recoverer";
    static final String RECOVERY = "recovery";
    static final String DISRUPTIONS = "disruptions";
    static final String UPDATER = "updater";
    static final String AGENT = "agent";
    static final String ENDPOINT = "agent-endpoint";
    static final String CALLBACK = "agent-callback";
    static final String WEB = "web";
    static final String WEBHOOK = "webhook";
    static final String PROVIDERS = "providers";

    private Sections() {}

    static final Section<ProvisionerSettings.Builder, ProvisionerSettings> OF_PROVISIONER = Section.of(
                    ProvisionerSettings::builder, ProvisionerSettings.Builder::build)
            .key("maxCount", Kind.COUNT, ProvisionerSettings.Builder::maxCount, ProvisionerSettings::maxCount)
            .key("chunkSize", Kind.COUNT, ProvisionerSettings.Builder::chunkSize, ProvisionerSettings::chunkSize)
            .key("interval", Kind.SPAN_OF_TIME, ProvisionerSettings.Builder::interval, ProvisionerSettings::interval)
            .key(
                    "creationInterval",
                    Kind.SPAN_OF_TIME,
                    ProvisionerSettings.Builder::creationInterval,
                    ProvisionerSettings::creationInterval);

    static final Section<InitializerSettings.Builder, InitializerSettings> OF_INITIALIZER = Section.of(
                    InitializerSettings::builder, InitializerSettings.Builder::build)
            .key("parallelism", Kind.COUNT, InitializerSettings.Builder::parallelism, InitializerSettings::parallelism)
            .nested("backoff", backoff(InitializerSettings.DEFAULT.backoff()), InitializerSettings.Builder::backoff)
            .key("sshPort", Kind.COUNT, InitializerSettings.Builder::sshPort, InitializerSettings::sshPort)
            .key("maxFailures", Kind.COUNT, InitializerSettings.Builder::maxFailures, InitializerSettings::maxFailures)
            .key(
                    "pollInterval",
                    Kind.SPAN_OF_TIME,
                    InitializerSettings.Builder::pollInterval,
                    InitializerSettings::pollInterval);

    /** All but the policy, which is {@link #OF_RECOVERY}. */
    static final Section<RecovererSettings.Builder, RecovererSettings> OF_RECOVERER = Section.of(
                    RecovererSettings::builder, RecovererSettings.Builder::build)
            .key("parallelism", Kind.COUNT, RecovererSettings.Builder::parallelism, RecovererSettings::parallelism)
            .key(
                    "pollInterval",
                    Kind.SPAN_OF_TIME,
                    RecovererSettings.Builder::pollInterval,
                    RecovererSettings::pollInterval);

    static final Section<RecoveryPolicy.Builder, RecoveryPolicy> OF_RECOVERY = ofRecovery(RecovererSettings.DEFAULT);

    /**
     * Returns the section of a recovery policy. How often recovery looks is the recoverer's interval.
     *
     * @param recoverer whose interval that is
     */
    static Section<RecoveryPolicy.Builder, RecoveryPolicy> ofRecovery(RecovererSettings recoverer) {
        return Section.of(
                        // So that spans that do not go together are refused before anything starts.
                        () -> RecoveryPolicy.builder().lookInterval(recoverer.pollInterval()),
                        RecoveryPolicy.Builder::build)
                .key("maxShare", Kind.NUMBER, RecoveryPolicy.Builder::maxShare, RecoveryPolicy::maxShare)
                .key(
                        "maxPerProvider",
                        Kind.COUNT,
                        RecoveryPolicy.Builder::maxPerProvider,
                        RecoveryPolicy::maxPerProvider)
                .key(
                        "maxPerLocation",
                        Kind.COUNT,
                        RecoveryPolicy.Builder::maxPerLocation,
                        RecoveryPolicy::maxPerLocation)
                .list("labelLimits", Kind.LABEL_LIMIT, RecoveryPolicy.Builder::labelLimits, RecoveryPolicy::labelLimits)
                .key("maxReboots", Kind.COUNT, RecoveryPolicy.Builder::maxReboots, RecoveryPolicy::maxReboots)
                .key(
                        "reinstallAllowed",
                        Kind.SWITCH,
                        RecoveryPolicy.Builder::reinstallAllowed,
                        RecoveryPolicy::reinstallAllowed)
                .key("freezeShare", Kind.NUMBER, RecoveryPolicy.Builder::freezeShare, RecoveryPolicy::freezeShare)
                .key(
                        "silentAfterHeartbeat",
                        Kind.SPAN_OF_TIME,
                        RecoveryPolicy.Builder::silentAfterHeartbeat,
                        RecoveryPolicy::silentAfterHeartbeat)
                .key(
                        "silentAfterStart",
                        Kind.SPAN_OF_TIME,
                        RecoveryPolicy.Builder::silentAfterStart,
                        RecoveryPolicy::silentAfterStart)
                .key(
                        "heartbeatInterval",
                        Kind.SPAN_OF_TIME,
                        RecoveryPolicy.Builder::heartbeatInterval,
                        RecoveryPolicy::heartbeatInterval)
                .key("cooldown", Kind.SPAN_OF_TIME, RecoveryPolicy.Builder::cooldown, RecoveryPolicy::cooldown)
                .key("bootTime", Kind.SPAN_OF_TIME, RecoveryPolicy.Builder::bootTime, RecoveryPolicy::bootTime)
                .nested("backoff", backoff(RecoveryPolicy.DEFAULT.backoff()), RecoveryPolicy.Builder::backoff)
                .key("freezeMinimum", Kind.COUNT, RecoveryPolicy.Builder::freezeMinimum, RecoveryPolicy::freezeMinimum)
                .key("freezeSpan", Kind.SPAN_OF_TIME, RecoveryPolicy.Builder::freezeSpan, RecoveryPolicy::freezeSpan)
                .key(
                        "freezeReleaseAfter",
                        Kind.SPAN_OF_TIME,
                        RecoveryPolicy.Builder::freezeReleaseAfter,
                        RecoveryPolicy::freezeReleaseAfter)
                .key(
                        "unreachableAttempts",
                        Kind.COUNT,
                        RecoveryPolicy.Builder::unreachableAttempts,
                        RecoveryPolicy::unreachableAttempts)
                .key("stuckAfter", Kind.SPAN_OF_TIME, RecoveryPolicy.Builder::stuckAfter, RecoveryPolicy::stuckAfter)
                .key("maxReinstalls", Kind.COUNT, RecoveryPolicy.Builder::maxReinstalls, RecoveryPolicy::maxReinstalls)
                .key(
                        "maxFailedCalls",
                        Kind.COUNT,
                        RecoveryPolicy.Builder::maxFailedCalls,
                        RecoveryPolicy::maxFailedCalls)
                .key(
                        "relapseAfter",
                        Kind.SPAN_OF_TIME,
                        RecoveryPolicy.Builder::relapseAfter,
                        RecoveryPolicy::relapseAfter);
    }

    /** The gates that need no program. */
    static final Section<GateSettings, DisruptionSettings> OF_DISRUPTIONS = Section.of(
                    GateSettings::new, GateSettings::build)
            .list("windows", Kind.TEXT, GateSettings::windows, is(""))
            .list("windowsFor", Kind.choice(DisruptionKind.class), GateSettings::windowsFor, is(""))
            .list("limits", Kind.LABEL_LIMIT, GateSettings::limits, is(""))
            .key("askAgainAfter", Kind.SPAN_OF_TIME, GateSettings::askAgainAfter, DisruptionSettings::askAgainAfter)
            .key(
                    "approvalGoodFor",
                    Kind.SPAN_OF_TIME,
                    GateSettings::approvalGoodFor,
                    DisruptionSettings::approvalGoodFor);

    static final Section<UpdaterSettings.Builder, UpdaterSettings> OF_UPDATER = Section.of(
                    UpdaterSettings::builder, UpdaterSettings.Builder::build)
            .key(
                    "restInterval",
                    Kind.SPAN_OF_TIME,
                    UpdaterSettings.Builder::restInterval,
                    UpdaterSettings::restInterval)
            .key(
                    "motionInterval",
                    Kind.SPAN_OF_TIME,
                    UpdaterSettings.Builder::motionInterval,
                    UpdaterSettings::motionInterval)
            .key(
                    "pollInterval",
                    Kind.SPAN_OF_TIME,
                    UpdaterSettings.Builder::pollInterval,
                    UpdaterSettings::pollInterval);

    static final Section<AgentEndpointLimits.Builder, AgentEndpointLimits> OF_LIMITS = Section.of(
                    AgentEndpointLimits::builder, AgentEndpointLimits.Builder::build)
            .key("maxConnections", Kind.COUNT, AgentEndpointLimits.Builder::maxConnections, is(10_000))
            .key("maxConnectionsPerAddress", Kind.COUNT, AgentEndpointLimits.Builder::maxConnectionsPerAddress, is(64))
            .key("heartbeatsPerMinute", Kind.COUNT, AgentEndpointLimits.Builder::heartbeatsPerMinute, is(60))
            .key("reportsPerHour", Kind.COUNT, AgentEndpointLimits.Builder::reportsPerHour, is(60))
            .key("reportBytesPerHour", Kind.SIZE, AgentEndpointLimits.Builder::reportBytesPerHour, is("16MiB"))
            .list("proxies", Kind.ADDRESS, AgentEndpointLimits.Builder::proxies, is(""))
            .key("strangerCallsPerMinute", Kind.COUNT, AgentEndpointLimits.Builder::strangerCallsPerMinute, is(1_200))
            .key("handshakesPerMinute", Kind.COUNT, AgentEndpointLimits.Builder::handshakesPerMinute, is(1_200))
            .key("maxBodySize", Kind.SMALL_SIZE, AgentEndpointLimits.Builder::maxBodySize, is("1MiB"))
            .key("minBodyRate", Kind.SMALL_SIZE, AgentEndpointLimits.Builder::minBodyRate, is("8KiB"))
            .key(
                    "maxRequestsPerConnection",
                    Kind.COUNT,
                    AgentEndpointLimits.Builder::maxRequestsPerConnection,
                    is(1_000))
            .key("threads", Kind.COUNT, AgentEndpointLimits.Builder::threads, is(2))
            .key("maxWaiting", Kind.COUNT, AgentEndpointLimits.Builder::maxWaiting, is(1_000))
            .key("headTimeout", Kind.SPAN_OF_TIME, AgentEndpointLimits.Builder::headTimeout, is("5s"))
            .key("bodyTimeout", Kind.SPAN_OF_TIME, AgentEndpointLimits.Builder::bodyTimeout, is("1m"))
            .key("idleTimeout", Kind.SPAN_OF_TIME, AgentEndpointLimits.Builder::idleTimeout, is("90s"));

    static final Section<TlsSettings.Builder, TlsSettings> OF_TLS = Section.of(
                    TlsSettings.Builder::new, TlsSettings.Builder::build)
            .key("certificate", Kind.FILE, TlsSettings.Builder::certificate, is(""))
            .key("key", Kind.FILE, TlsSettings.Builder::key, is(""))
            .key("folder", Kind.FILE, TlsSettings.Builder::folder, is(""))
            .list("names", Kind.TEXT, TlsSettings.Builder::names, is(""));

    static final Section<EndpointSettings.Builder, EndpointSettings> OF_ENDPOINT = Section.of(
                    EndpointSettings.Builder::new, EndpointSettings.Builder::build)
            .key("address", Kind.LISTEN, EndpointSettings.Builder::address, EndpointSettings::address)
            .key("grpcAddress", Kind.LISTEN, EndpointSettings.Builder::grpcAddress, EndpointSettings::grpcAddress)
            .nested("tls", OF_TLS, EndpointSettings.Builder::tls)
            .nested("limits", OF_LIMITS, EndpointSettings.Builder::limits)
            .key("maxClockSkew", Kind.SPAN_OF_TIME, EndpointSettings.Builder::maxClockSkew, is("5m"))
            .key("plainHttp", Kind.SWITCH, EndpointSettings.Builder::plainHttp, is(false));

    static final Section<AgentCallbackConfig.Builder, AgentCallbackConfig> OF_CALLBACK = Section.of(
                    AgentCallbackConfig::builder, AgentCallbackConfig.Builder::build)
            .key("timeout", Kind.SPAN_OF_TIME, AgentCallbackConfig.Builder::timeout, is("10s"))
            .key("queueSize", Kind.COUNT, AgentCallbackConfig.Builder::queueSize, is(10_000))
            .key("batchSize", Kind.COUNT, AgentCallbackConfig.Builder::batchSize, is(500))
            .key("heartbeatThreads", Kind.COUNT, AgentCallbackConfig.Builder::heartbeatThreads, is(2))
            .key("reportThreads", Kind.COUNT, AgentCallbackConfig.Builder::reportThreads, is(2))
            .key("lockTimeout", Kind.SPAN_OF_TIME, AgentCallbackConfig.Builder::lockTimeout, is("100ms"));

    /**
     * Returns the section of the page.
     *
     * @param always whether it is served even if no address is given
     */
    static Section<WebSettings.Builder, WebSettings> ofWeb(boolean always) {
        return Section.of(WebSettings.Builder::new, builder -> builder.build(always))
                .key("listen", Kind.LISTEN, WebSettings.Builder::listen, WebSettings::listen)
                .key("tokens", Kind.FILE, WebSettings.Builder::tokens, WebSettings::tokens)
                .list("hosts", Kind.TEXT, WebSettings.Builder::hosts, is(""))
                .key("certificate", Kind.FILE, WebSettings.Builder::certificate, WebSettings::certificate)
                .key("key", Kind.FILE, WebSettings.Builder::key, WebSettings::key)
                .key("countInterval", Kind.SPAN_OF_TIME, WebSettings.Builder::countInterval, is("15s"));
    }

    static final Section<WebhookSection, Optional<WebhookSettings>> OF_WEBHOOK = Section.of(
                    WebhookSection::new, WebhookSection::build)
            .key("url", Kind.TEXT, WebhookSection::url, is(""))
            .secret("secret", Kind.TEXT, WebhookSection::secret, Secrecy.ALL)
            .list("kinds", Kind.choice(EventKind.class), WebhookSection::kinds, is(""));

    /**
     * Returns the section of the database.
     *
     * @param required whether it must be said which; else it is the one in a folder of its own
     */
    static Section<DatabaseSettings.Builder, DatabaseSettings> ofDatabase(boolean required) {
        return Section.of(DatabaseSettings.Builder::new, builder -> builder.build(required))
                .secret("jdbcUrl", Kind.TEXT, DatabaseSettings.Builder::jdbcUrl, Secrecy.JDBC_URL)
                .key("data", Kind.FILE, DatabaseSettings.Builder::data, is(""))
                .key("username", Kind.TEXT, DatabaseSettings.Builder::username, is(""))
                .secret("password", Kind.TEXT, DatabaseSettings.Builder::password, Secrecy.ALL)
                .key("migration", Kind.choice(Migration.class), on(BmdbConfig.Builder::migration), is("migrate-alone"))
                .key("poolSize", Kind.COUNT, DatabaseSettings.Builder::poolSize, is(""))
                .key("maxLosses", Kind.COUNT, on(BmdbConfig.Builder::maxLosses), is(BmdbConfig.MAX_LOSSES))
                .key("historyRetention", Kind.SPAN_OF_TIME, on(BmdbConfig.Builder::historyRetention), is(""))
                .key("events", Kind.SWITCH, on(BmdbConfig.Builder::events), is(true))
                .key("eventRetention", Kind.SPAN_OF_TIME, on(BmdbConfig.Builder::eventRetention), is("7d"))
                .key("connectTimeout", Kind.SPAN_OF_TIME, on(BmdbConfig.Builder::connectTimeout), is("10s"))
                .key("socketTimeout", Kind.SPAN_OF_TIME, on(BmdbConfig.Builder::socketTimeout), is("30s"))
                .key("sessionInterval", Kind.SPAN_OF_TIME, on(BmdbConfig.Builder::sessionInterval), is("5s"))
                .key("maxAttempts", Kind.COUNT, on(BmdbConfig.Builder::maxAttempts), is(10))
                .key(
                        "idleInTransactionTimeout",
                        Kind.SPAN_OF_TIME,
                        on(BmdbConfig.Builder::idleInTransactionTimeout),
                        is("10s"))
                .nested("lossBackoff", backoff(BmdbConfig.LOSS_BACKOFF), on(BmdbConfig.Builder::lossBackoff))
                .key("wakeUps", Kind.SWITCH, on(BmdbConfig.Builder::wakeUps), is(true));
    }

    private static <T> BiConsumer<DatabaseSettings.Builder, T> on(BiConsumer<BmdbConfig.Builder, T> set) {
        return (builder, value) -> set.accept(builder.config(), value);
    }

    static final Section<AgentSettings.Credentials, AgentSettings.Credentials> OF_CREDENTIALS = Section.of(
                    AgentSettings.Credentials::new, AgentSettings.Credentials::checked)
            .key("key", Kind.FILE, AgentSettings.Credentials::key, is(""))
            .secret("keyPassphrase", Kind.TEXT, AgentSettings.Credentials::keyPassphrase, Secrecy.ALL)
            .secret("password", Kind.TEXT, AgentSettings.Credentials::password, Secrecy.ALL);

    /** Returns the section of takeovers. */
    static Section<AgentSettings, AgentTakeover> ofAgent(AgentSettings.Defaults defaults) {
        return Section.of(() -> new AgentSettings(defaults), AgentSettings::build)
                .key("executable", Kind.FILE, AgentSettings::executable, is(""))
                .key("endpoint", Kind.TEXT, AgentSettings::endpoint, is(""))
                .nested("credentials", OF_CREDENTIALS, AgentSettings::credentials)
                .key("user", Kind.TEXT, AgentSettings::user, is(AgentTakeover.DEFAULT_USER))
                .key("remotePath", Kind.TEXT, AgentSettings::remotePath, is(AgentTakeover.DEFAULT_REMOTE_PATH))
                .key("hostKeyPolicy", Kind.choice(HostKeyPolicy.class), AgentSettings::hostKeyPolicy, is("pin"))
                .key("caCertificate", Kind.CONTENT, AgentSettings::caCertificate, is(""))
                .key(
                        "connectTimeout",
                        Kind.SPAN_OF_TIME,
                        AgentSettings::connectTimeout,
                        is(AgentTakeover.DEFAULT_CONNECT_TIMEOUT))
                .key(
                        "totalTimeout",
                        Kind.SPAN_OF_TIME,
                        AgentSettings::totalTimeout,
                        is(AgentTakeover.DEFAULT_TOTAL_TIMEOUT))
                .key("maxStdout", Kind.SMALL_SIZE, AgentSettings::maxStdout, is("1MiB"))
                .key("maxStderr", Kind.SMALL_SIZE, AgentSettings::maxStderr, is("1MiB"));
    }

    /** What stands at the top of a file, beside sections and providers. */
    static final Section<ProcessSettings.Builder, ProcessSettings> OF_PROCESS = Section.of(
                    ProcessSettings.Builder::new, ProcessSettings.Builder::build)
            .key("plugins", Kind.FILE, ProcessSettings.Builder::plugins, is(""))
            .list("loops", Kind.choice(LoopKind.class), ProcessSettings.Builder::loops, ProcessSettings::loops)
            .key("runtimeInfo", Kind.TEXT, ProcessSettings.Builder::runtimeInfo, is(""));

    private static Section<Backoff.Builder, Backoff> backoff(Backoff usual) {
        return Section.of(
                        () -> Backoff.builder()
                                .initial(usual.initial())
                                .maximum(usual.maximum())
                                .exponent(usual.exponent())
                                .jitter(usual.jitter()),
                        Backoff.Builder::build)
                .key("initial", Kind.SPAN_OF_TIME, Backoff.Builder::initial, Backoff::initial)
                .key("maximum", Kind.SPAN_OF_TIME, Backoff.Builder::maximum, Backoff::maximum)
                .key("exponent", Kind.NUMBER, Backoff.Builder::exponent, Backoff::exponent)
                .key("jitter", Kind.NUMBER, Backoff.Builder::jitter, Backoff::jitter);
    }

    /** The default of a setting whose class does not tell; empty for none. */
    private static <S> Function<S, Object> is(Object usual) {
        return settings -> usual;
    }

    /** Returns all sections by their names in a file. */
    static Map<String, Section<?, ?>> all() {
        Map<String, Section<?, ?>> all = new LinkedHashMap<>();
        all.put(DATABASE, ofDatabase(true));
        all.put(PROVISIONER, OF_PROVISIONER);
        all.put(INITIALIZER, OF_INITIALIZER);
        all.put(RECOVERER, OF_RECOVERER);
        all.put(RECOVERY, OF_RECOVERY);
        all.put(DISRUPTIONS, OF_DISRUPTIONS);
        all.put(UPDATER, OF_UPDATER);
        all.put(AGENT, ofAgent(AgentSettings.Defaults.NONE));
        all.put(ENDPOINT, OF_ENDPOINT);
        all.put(CALLBACK, OF_CALLBACK);
        all.put(WEB, ofWeb(true));
        all.put(WEBHOOK, OF_WEBHOOK);
        return all;
    }
}
