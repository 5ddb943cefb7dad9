package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderProperty;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.agent.AgentCallbackConfig;
import dev.shepherd.bmdb.operator.RecoveryPolicies;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.listing.UpdaterSettings;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.web.webhook.WebhookSettings;
import java.io.PrintWriter;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a process: what a configuration file has, with the options of the command line laid over it. What is
 * wrong is collected; {@link #requireValid()} tells all of it.
 */
public final class Settings {

    /** The option that names the file. */
    public static final String CONFIG = "--config";

    private final @Nullable Path file;
    private final Given given;
    private final Entry.Table root;
    private final Reading reading;
    private final List<ProviderEntry> providers = new ArrayList<>();
    private final Map<ProviderEntry, Map<String, Reading.Effect>> effects = new LinkedHashMap<>();
    private final Set<String> endpointNames = new LinkedHashSet<>();

    private Settings(@Nullable Path file, Given given, Entry.Table root, Reading reading) {
        this.file = file;
        this.given = given;
        this.root = root;
        this.reading = reading;
    }

    /**
     * Reads a file and lays options over it.
     *
     * @param file null for none
     * @throws ConfigurationException if the file cannot be read, or is not YAML
     */
    public static Settings of(@Nullable Path file, Given given) {
        return of(file, given, System.getenv());
    }

    static Settings of(@Nullable Path file, Given given, Map<String, String> environment) {
        Problems problems = new Problems();
        Entry.Table inFile = file == null ? Entry.Table.empty(Mark.ofOption("")) : YamlReader.read(file, problems);
        Reading reading = new Reading(problems, new References(environment), given.options(), file);
        Settings settings = new Settings(file, given, given.over(inFile), reading);
        settings.checkKeys();
        settings.providers.addAll(settings.readProviders());
        return settings;
    }

    private void checkKeys() {
        Set<String> known = new LinkedHashSet<>(Sections.OF_PROCESS.keys());
        known.addAll(Sections.all().keySet());
        known.add(Sections.PROVIDERS);
        root.entries().forEach((key, value) -> {
            if (!known.contains(key)) {
                reading.unknown(value, key, "", known);
            }
        });
    }

    /** Returns all that is given. */
    Entry.Table root() {
        return root;
    }

    /** Tells whether there is a file. */
    public boolean hasFile() {
        return file != null;
    }

    /**
     * Ends if something is wrong with what was read so far.
     *
     * @throws WrongSettingsException that says all of it
     */
    public void requireValid() {
        reading.problems().requireNone();
    }

    /** Returns what is wrong, to add to. */
    public Problems problems() {
        return reading.problems();
    }

    public DatabaseSettings database() {
        return required(read(Sections.ofDatabase(hasFile()), Sections.DATABASE));
    }

    public ProcessSettings process() {
        Entry.Table own = root;
        for (String section : Sections.all().keySet()) {
            own = own.without(section);
        }
        Entry.Table process = own.without(Sections.PROVIDERS);
        for (String key : List.copyOf(process.entries().keySet())) {
            process = Sections.OF_PROCESS.keys().contains(key) ? process : process.without(key);
        }
        return Sections.OF_PROCESS.read(process, reading, "").orElseGet(() -> usual(Sections.OF_PROCESS));
    }

    public EndpointSettings endpoint() {
        return read(Sections.OF_ENDPOINT, Sections.ENDPOINT).orElseGet(() -> usual(Sections.OF_ENDPOINT));
    }

    public AgentCallbackConfig callback() {
        return read(Sections.OF_CALLBACK, Sections.CALLBACK).orElseGet(() -> usual(Sections.OF_CALLBACK));
    }

    /**
     * Returns the settings of the page.
     *
     * @param always whether it is served even if no address is given
     */
    public WebSettings web(boolean always) {
        return read(Sections.ofWeb(always), Sections.WEB).orElseGet(() -> usual(Sections.ofWeb(true)));
    }

    public DisruptionSettings disruptions() {
        return read(Sections.OF_DISRUPTIONS, Sections.DISRUPTIONS).orElseGet(() -> usual(Sections.OF_DISRUPTIONS));
    }

    /** Returns where events are sent, if that is said. */
    public Optional<WebhookSettings> webhook() {
        return read(Sections.OF_WEBHOOK, Sections.WEBHOOK).orElseGet(() -> usual(Sections.OF_WEBHOOK));
    }

    /** Prints what was read: the settings in effect, and where each comes from, without secrets. */
    public void report(PrintWriter out) {
        Report report = new Report(out);
        report.section(reading.effects(), "");
        if (!effects.isEmpty()) {
            out.println(Sections.PROVIDERS + ":");
        }
        effects.forEach(report::provider);
        out.flush();
    }

    /** Returns when machines are recovered, those of all providers that have nothing of their own. */
    public RecoveryPolicy recovery() {
        return required(recoverer(null)).policy();
    }

    /** Returns the same with what each provider has of its own. */
    public RecoveryPolicies recoveryOfEach() {
        RecoveryPolicies policies = RecoveryPolicies.of(recovery());
        for (ProviderEntry provider : providers) {
            policies = policies.with(provider.type(), recovery(provider.type()));
        }
        return policies;
    }

    /** Returns when machines of a provider are recovered. */
    public RecoveryPolicy recovery(ProviderType type) {
        return providers().stream()
                .filter(one -> one.type().equals(type))
                .findFirst()
                .map(one -> required(recoverer(one)).policy())
                .orElseGet(this::recovery);
    }

    /** Returns how machines of a provider are provisioned. */
    public ProvisionerSettings provisioner(ProviderType type) {
        return required(provisioner(providers().stream()
                .filter(one -> one.type().equals(type))
                .findFirst()
                .orElse(null)));
    }

    public Optional<ProvisionerSettings> provisioner(@Nullable ProviderEntry provider) {
        return read(Sections.OF_PROVISIONER, Sections.PROVISIONER, provider);
    }

    public Optional<InitializerSettings> initializer(@Nullable ProviderEntry provider) {
        return read(Sections.OF_INITIALIZER, Sections.INITIALIZER, provider);
    }

    public Optional<UpdaterSettings> updater(@Nullable ProviderEntry provider) {
        return read(Sections.OF_UPDATER, Sections.UPDATER, provider);
    }

    /** Returns how machines are recovered, with the policy. */
    public Optional<RecovererSettings> recoverer(@Nullable ProviderEntry provider) {
        return read(Sections.OF_RECOVERER, Sections.RECOVERER, provider)
                .flatMap(settings -> read(Sections.ofRecovery(settings), Sections.RECOVERY, provider)
                        .map(policy -> settings.toBuilder().policy(policy).build()));
    }

    /**
     * Returns how agents are started.
     *
     * @param authority what agents verify the endpoint with where that is not said
     * @param usual what to log in with where that is not said; only without a file
     */
    public Optional<AgentTakeover> agent(
            @Nullable ProviderEntry provider,
            EndpointSettings endpoint,
            Optional<byte[]> authority,
            Supplier<Optional<SshCredentials>> usual) {
        return read(
                Sections.ofAgent(new AgentSettings.Defaults() {
                    @Override
                    public String endpoint() {
                        return url(endpoint);
                    }

                    @Override
                    public void check(String text) {
                        checkScheme(text, endpoint);
                        EndpointSettings.host(text).ifPresent(endpointNames::add);
                    }

                    @Override
                    public Optional<byte[]> caCertificate() {
                        return authority;
                    }

                    @Override
                    public Optional<SshCredentials> credentials() {
                        return usual.get();
                    }
                }),
                Sections.AGENT,
                provider);
    }

    /**
     * Returns what agents verify the endpoint with, if an authority is made for it; makes it if there is none. What goes
     * wrong is among the problems.
     */
    public Optional<byte[]> authority(EndpointSettings endpoint) {
        try {
            return endpoint.caCertificate();
        } catch (ConfigurationException e) {
            String message = String.valueOf(e.getMessage()).replaceFirst("^folder: ", "");
            reading.problems()
                    .add(
                            Mark.ofOption("--agent-tls-folder"),
                            "--agent-tls-folder (agent-endpoint.tls.folder): " + message);
            return Optional.empty();
        }
    }

    /** Agents that were told the wrong scheme would never be heard, and the machines be rebooted for it. */
    private static void checkScheme(String text, EndpointSettings endpoint) {
        if (endpoint.address().isEmpty() || endpoint.hasProxy()) {
            return;
        }
        if (endpoint.hasTls() && text.startsWith("http://")) {
            throw new ConfigurationException(
                    "endpoint",
                    "endpoint is " + text + ", but TLS is spoken at " + endpoint.url() + ": say https://; or, behind a"
                            + " proxy, name it by --agent-proxy (agent-endpoint.limits.proxies)");
        }
        if (!endpoint.hasTls() && text.startsWith("https://")) {
            throw new ConfigurationException(
                    "endpoint",
                    "endpoint is " + text + ", but plain HTTP is spoken at " + endpoint.url() + ": have TLS spoken"
                            + " there by --agent-tls-folder (agent-endpoint.tls.folder); or name the proxy that speaks"
                            + " it by --agent-proxy (agent-endpoint.limits.proxies)");
        }
    }

    /**
     * Returns the hosts in the URLs that agents are told, once these were read. It is a problem if there is none though
     * a certificate is to be made for them.
     */
    public Set<String> endpointNames(EndpointSettings endpoint) {
        if (endpointNames.isEmpty()
                && endpoint.isNameless()
                && reading.problems().count() == 0) {
            reading.problems()
                    .add(
                            Mark.ofOption("--agent-name"),
                            "the agents' endpoint listens on all interfaces: give --agent-name"
                                    + " (agent-endpoint.tls.names), with what agents reach it by, for its certificate");
        }
        return endpointNames;
    }

    private static String url(EndpointSettings endpoint) {
        InetSocketAddress address = endpoint.address()
                .or(endpoint::grpcAddress)
                .orElseThrow(() -> new ConfigurationException(
                        "endpoint",
                        "where agents report to is missing: give --endpoint, --agent-listen or both; in a file"
                                + " agent.endpoint, agent-endpoint.address or both"));
        if (address.getAddress().isAnyLocalAddress()) {
            throw new ConfigurationException(
                    "endpoint",
                    (endpoint.address().isPresent()
                                    ? "--agent-listen (agent-endpoint.address)"
                                    : "--agent-grpc-listen (agent-endpoint.grpc-address)")
                            + " listens on all interfaces: give --endpoint (agent.endpoint), with what agents reach it"
                            + " by");
        }
        return endpoint.url();
    }

    private <S> Optional<S> read(Section<?, S> section, String name) {
        return table(root, name).flatMap(table -> section.read(table, reading, name));
    }

    /** Reads a section of a provider: what it has of its own, over what holds for all, below the options. */
    private <S> Optional<S> read(Section<?, S> section, String name, @Nullable ProviderEntry provider) {
        if (provider == null || !provider.overrides().entries().containsKey(name)) {
            return read(section, name);
        }
        Entry.Table general = Entry.Table.empty(root.mark()).overlaidBy(only(root, name));
        Entry.Table all = given.over(general.overlaidBy(only(provider.overrides(), name)));
        Reading own = reading.withOtherEffects();
        Optional<S> settings = table(all, name).flatMap(table -> section.read(table, own, name));
        effects.computeIfAbsent(provider, key -> new LinkedHashMap<>()).putAll(own.effects());
        return settings;
    }

    private static Entry.Table only(Entry.Table table, String name) {
        Entry.Keyed keyed = table.entries().get(name);
        return new Entry.Table(table.mark(), keyed == null ? Map.of() : Map.of(name, keyed));
    }

    private Optional<Entry.Table> table(Entry.Table from, String name) {
        Entry.Keyed keyed = from.entries().get(name);
        if (keyed == null) {
            return Optional.of(Entry.Table.empty(hasFile() ? new Mark(String.valueOf(file), 1, 1) : Mark.ofOption("")));
        }
        return reading.table(keyed, name);
    }

    /** Stands for settings of which something is wrong, so that what else is can be told as well. */
    private <S> S usual(Section<?, S> section) {
        return section.read(Entry.Table.empty(root.mark()), reading.onlyEffects(), "")
                .orElseThrow();
    }

    /** Ends with all that is wrong where something cannot be had. */
    private <S> S required(Optional<S> settings) {
        return settings.orElseThrow(() -> {
            requireValid();
            throw new IllegalStateException("nothing was read, and nothing is wrong");
        });
    }

    /** Tells whether the file lists providers. */
    public boolean listsProviders() {
        return root.entries().containsKey(Sections.PROVIDERS);
    }

    /** Returns the providers that the file lists. What is wrong with one is noted, and it is left out. */
    public List<ProviderEntry> providers() {
        return providers;
    }

    private List<ProviderEntry> readProviders() {
        Entry.Keyed keyed = root.entries().get(Sections.PROVIDERS);
        if (keyed == null) {
            return List.of();
        }
        if (!(keyed.value() instanceof Entry.Items list)) {
            reading.problems().add(keyed.value().mark(), "providers is a list, each beginning with - kind: …");
            return List.of();
        }
        List<ProviderEntry> providers = new ArrayList<>();
        Map<ProviderType, Mark> types = new LinkedHashMap<>();
        for (Entry item : list.items()) {
            provider(item).ifPresent(one -> {
                Mark before = types.putIfAbsent(one.type(), one.mark());
                if (before != null) {
                    reading.problems()
                            .add(
                                    one.mark(),
                                    "another provider has the type " + one.type() + " (line " + before.line()
                                            + "): give each a type of its own");
                } else {
                    providers.add(one);
                }
            });
        }
        if (list.items().isEmpty()) {
            reading.problems().add(keyed.mark(), "providers has none: list at least one");
        }
        return providers;
    }

    private Optional<ProviderEntry> provider(Entry item) {
        Optional<Entry.Table> table = reading.table(new Entry.Keyed(item.mark(), item), "each of providers");
        if (table.isEmpty()) {
            return Optional.empty();
        }
        Map<String, Entry.Keyed> entries = table.get().entries();
        List<String> known = new ArrayList<>(List.of("kind", "type", "properties"));
        known.addAll(ProviderEntry.SECTIONS);
        entries.forEach((key, value) -> {
            if (!known.contains(key)) {
                reading.unknown(value, key, "a provider", known);
            }
        });
        Entry.Keyed kind = entries.get("kind");
        if (kind == null) {
            reading.problems().add(item.mark(), "the provider's kind is missing; 'shepherd providers' lists them");
            return Optional.empty();
        }
        Reading quiet = reading.withOtherEffects();
        Optional<String> kindText = quiet.value(kind.value(), Kind.TEXT, "kind");
        Optional<ProviderType> type = entries.containsKey("type")
                ? quiet.value(Objects.requireNonNull(entries.get("type")).value(), Kind.TYPE, "type")
                : quiet.value(kind.value(), Kind.TYPE, "kind");
        Entry.Table overrides = table.get();
        for (String key : List.of("kind", "type", "properties")) {
            overrides = overrides.without(key);
        }
        Optional<Entry.Table> properties = entries.containsKey("properties")
                ? reading.table(Objects.requireNonNull(entries.get("properties")), "properties")
                : Optional.of(Entry.Table.empty(item.mark()));
        if (kindText.isEmpty() || type.isEmpty() || properties.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(new ProviderEntry(item.mark(), kindText.get(), type.get(), properties.get(), overrides));
    }

    /** The texts of a provider's properties, and where each is. */
    public record Properties(Map<String, String> texts, Map<String, Mark> marks) {}

    /** Reads the properties of a provider. Those that it does not know are left to its own check. */
    public Properties properties(ProviderEntry provider, List<ProviderProperty> known) {
        Map<String, String> texts = new LinkedHashMap<>();
        Map<String, Mark> marks = new LinkedHashMap<>();
        Reading own = reading.withOtherEffects();
        provider.properties().entries().forEach((name, keyed) -> {
            Optional<ProviderProperty> property =
                    known.stream().filter(one -> one.name().equals(name)).findFirst();
            if (property.isEmpty()) {
                reading.unknown(
                        keyed,
                        name,
                        "provider " + provider.kind(),
                        known.stream().map(ProviderProperty::name).toList());
            } else if (keyed.value() instanceof Entry.Text text) {
                own.text(text, name, property.get().secret() ? Secrecy.UNLESS_FILE : null)
                        .map(value -> relative(property.get(), value, text.folder()))
                        .ifPresent(value -> texts.put(name, value));
                marks.put(name, text.mark());
            } else {
                reading.problems()
                        .add(
                                keyed.value().mark(),
                                name + " is a single value, not "
                                        + keyed.value().what());
            }
        });
        effects.computeIfAbsent(provider, key -> new LinkedHashMap<>());
        Map<String, Reading.Effect> noted = Objects.requireNonNull(effects.get(provider));
        own.effects().forEach((name, effect) -> noted.put("properties." + name, effect));
        return new Properties(texts, marks);
    }

    /** What is relative is so to the folder of the file, as for all paths in it. */
    private static String relative(ProviderProperty property, String value, Path folder) {
        return switch (property.type()) {
            case PATH -> folder.resolve(value).toString();
            case URI ->
                value.startsWith("file:") && !value.startsWith("file:/")
                        ? folder.resolve(value.substring("file:".length()))
                                .toUri()
                                .toString()
                        : value;
            case STRING, INTEGER, BOOLEAN, DURATION -> value;
        };
    }
}
