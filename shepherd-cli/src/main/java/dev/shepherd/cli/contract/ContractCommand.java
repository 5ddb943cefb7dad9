package dev.shepherd.cli.contract;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Machine;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.ShepherdException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.cli.contract.RuleResult.Kind;
import dev.shepherd.cli.internal.FoundProvider;
import dev.shepherd.cli.internal.PluginOptions;
import dev.shepherd.cli.internal.PropertyOptions;
import dev.shepherd.cli.internal.Setting;
import dev.shepherd.cli.internal.Shutdown;
import dev.shepherd.testkit.contract.FaultProxy;
import dev.shepherd.testkit.contract.Rule;
import java.io.PrintWriter;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code shepherd contract}. */
@Command(
        name = "contract",
        description = {
            "Tries the rules of the contract of providers on a provider, as it is configured. Without --machine only"
                    + " those rules are tried that read: no machine is created, rebooted or reinstalled. What a"
                    + " provider does when it is made, as at the start of 'shepherd run', it does here too.",
            "",
            "With --machine, free machines are taken into use. Most rules on creations take one, or two, and no provider"
                    + " gives them back: rules that find none left are skipped. With --faults, a creation may be left"
                    + " half-made. What was made and how it was left is said at the end.",
            "",
            "The fleet should be at rest, and no 'shepherd run' at work on it: what changes meanwhile looks like a"
                    + " mistake of the provider.",
            "",
            "Example: shepherd contract --provider static --property list=file:machines.json"
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:no rule is broken",
            "1:a rule is broken, or the provider cannot be used",
            "2:the command line or a setting is wrong, or a machine that was named is not free"
        })
public final class ContractCommand implements Callable<Integer> {

    /** How often it is looked whether the rules are through. */
    private static final long POLL_MILLIS = 50;

    /** How many free machines an error names. */
    private static final int MOST_NAMED = 10;

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Option(
            names = "--provider",
            required = true,
            paramLabel = "KIND",
            description = "the kind of provider; 'shepherd providers' lists them")
    private String kind = "";

    @Option(
            names = "--type",
            paramLabel = "TYPE",
            description = "the name of this instance of the provider (default: its kind)")
    private @Nullable String type;

    @Mixin
    private PropertyOptions properties = new PropertyOptions();

    @Mixin
    private PluginOptions plugins = new PluginOptions();

    @Option(
            names = "--machine",
            paramLabel = "ID",
            description = "a free machine that may be created, which takes it into use, and rebooted: its id or that of"
                    + " its reservation; repeatable")
    private List<String> machines = new ArrayList<>();

    @Option(
            names = "--reinstall",
            description = "reinstall the machines of --machine too, which destroys what is on them")
    private boolean reinstall;

    @Option(
            names = "--faults",
            paramLabel = "PROPERTY",
            description =
                    "the property that has the http: or https: URL of what the provider asks: a proxy on this host"
                            + " is put in front of it, which lets faults in")
    private @Nullable String faults;

    @Option(
            names = "--listing",
            paramLabel = "PATH",
            description = "with --faults, the path, below that of the URL, of requests that list machines; repeatable")
    private List<String> listings = new ArrayList<>();

    @Option(
            names = "--rule",
            paramLabel = "RULE",
            split = ",",
            description = "a rule to try, such as P50; several with commas, or repeated (default: all)")
    private List<Rule> rules = new ArrayList<>();

    @Option(
            names = "--call-limit",
            paramLabel = "SECONDS",
            defaultValue = "150",
            description = "how long one call may take, with all its repetitions, 1 to 3600 (default: ${DEFAULT-VALUE})")
    private int callLimit = 150;

    @Option(
            names = "--creation-limit",
            paramLabel = "SECONDS",
            defaultValue = "1800",
            description = "how long a machine may take until it is made, 1 to 86400 (default: ${DEFAULT-VALUE})")
    private int creationLimit = 1800;

    @Option(names = "--json", description = "print one JSON object at the end, in place of lines")
    private boolean json;

    @Override
    public Integer call() throws InterruptedException {
        Checks.count("--call-limit", callLimit, 1, 3_600);
        Checks.count("--creation-limit", creationLimit, 1, 86_400);
        requireTogether(reinstall && machines.isEmpty(), "--reinstall", "--machine");
        requireTogether(!listings.isEmpty() && faults == null, "--listing", "--faults");
        return plugins.use(kind, type, this::run);
    }

    private void requireTogether(boolean missing, String option, String other) {
        if (missing) {
            throw new ParameterException(spec.commandLine(), option + " goes with " + other + ", which is not given");
        }
    }

    private int run(FoundProvider found, ProviderType provided) throws InterruptedException {
        PropertyOptions.Values values = properties.values(found, provided);
        ProviderConfig config = values.config();
        try (Shutdown shutdown = new Shutdown();
                @Nullable FaultProxy proxy = faults == null ? null : proxy(faults, config)) {
            Secrets secrets = Secrets.of(found, values);
            Look look = look(found, config, secrets);
            Set<Rule> chosen = chosen(look.recovers());
            List<Machine> named = named(look.listing());
            Permit permit = named.isEmpty() ? Permit.none() : Permit.of(named, look.listing(), reinstall);
            ProviderUnderTest tried = new ProviderUnderTest(
                    found,
                    proxy == null || faults == null ? config : proxied(values, faults, proxy),
                    permit,
                    secrets.texts(),
                    proxy,
                    Duration.ofSeconds(callLimit),
                    Duration.ofSeconds(creationLimit));
            PrintWriter out = spec.commandLine().getOut();
            PrintWriter err = spec.commandLine().getErr();
            Report report = json ? new JsonReport(out, new TextReport(err)) : new TextReport(out);
            report.begins(new Report.Plan(
                    look.text(),
                    named.stream().map(ContractCommand::describe).toList(),
                    look.recovers(),
                    reinstall,
                    proxy != null));
            AtomicBoolean broken = new AtomicBoolean();
            boolean ended = tryRules(shutdown, tried, Rules.of(look.recovers()), chosen, result -> {
                broken.compareAndSet(false, result.kind() == Kind.BROKEN);
                report.rule(result.with(secrets.hidden(result.text())));
            });
            List<String> left = named.isEmpty() ? List.of() : left(found, config, permit, named);
            report.ends(left.stream().map(secrets::hidden).toList(), permit.refused(), ended);
            return broken.get() || !permit.refused().isEmpty() || ended ? ExitCode.SOFTWARE : ExitCode.OK;
        }
    }

    private static boolean tryRules(
            Shutdown shutdown, ProviderUnderTest tried, Rules all, Set<Rule> chosen, Consumer<RuleResult> told)
            throws InterruptedException {
        FutureTask<Boolean> task = new FutureTask<>(() -> all.run(tried, chosen, told), true);
        Thread thread = new Thread(task, "contract-rules");
        thread.start();
        boolean ended = false;
        while (!task.isDone()) {
            if (ended) {
                thread.join(POLL_MILLIS);
            } else if (shutdown.await(POLL_MILLIS)) {
                ended = true;
                tried.end();
                thread.interrupt();
            }
        }
        try {
            task.get();
        } catch (ExecutionException e) {
            throw new IllegalStateException("the rules could not be tried: " + e.getCause(), e.getCause());
        }
        return ended;
    }

    // What is there.

    /** What a provider says before anything is tried. */
    private record Look(String text, boolean recovers, List<Machine> listing) {}

    private Look look(FoundProvider found, ProviderConfig config, Secrets secrets) throws InterruptedException {
        try (Provider provider = found.create(config)) {
            List<Machine> listing = machines.isEmpty() ? List.of() : new ArrayList<Machine>(provider.listMachines());
            return new Look(secrets.hidden(String.valueOf(provider)), provider instanceof Recoverer, listing);
        } catch (ShepherdException e) {
            throw e;
        } catch (RuntimeException e) { // Of a provider that may be wrong in any way.
            throw new ProviderException(
                    Reason.PERMANENT, "the provider cannot be looked at: " + secrets.hidden(e.toString()), e);
        }
    }

    private List<Machine> named(List<Machine> listing) {
        List<Machine> named = new ArrayList<>();
        for (String name : new LinkedHashSet<>(machines)) {
            List<Machine> found = listing.stream()
                    .filter(machine -> Permit.names(machine).contains(name))
                    .toList();
            if (found.size() != 1) {
                throw new ConfigurationException(
                        "--machine",
                        "--machine: the provider lists %s machine \"%s\"; %s"
                                .formatted(
                                        found.isEmpty() ? "no" : "more than one", Escaped.text(name), free(listing)));
            }
            Machine machine = found.get(0);
            if (!Permit.isFree(machine)) {
                throw new ConfigurationException(
                        "--machine",
                        "--machine: %s is not free, but %s%s; %s"
                                .formatted(
                                        Escaped.text(name),
                                        machine.availability(),
                                        machine.failed() ? " and failed" : "",
                                        free(listing)));
            }
            if (!named.contains(machine)) {
                named.add(machine);
            }
        }
        return named;
    }

    private static String free(List<Machine> listing) {
        List<String> free = listing.stream()
                .filter(Permit::isFree)
                .flatMap(machine -> Permit.names(machine).stream().limit(1))
                .map(Escaped::text)
                .toList();
        if (free.isEmpty()) {
            return "none is free";
        }
        String more = free.size() > MOST_NAMED ? " and " + (free.size() - MOST_NAMED) + " more" : "";
        return "free are: " + free.stream().limit(MOST_NAMED).collect(Collectors.joining(", ")) + more;
    }

    private static String describe(Machine machine) {
        return String.join(", reservation ", Permit.names(machine));
    }

    /** Says of each machine that was named, and of each that was made, how it is listed now. */
    private static List<String> left(FoundProvider found, ProviderConfig config, Permit permit, List<Machine> named)
            throws InterruptedException {
        Map<UUID, String> intents = permit.intents();
        List<String> left = new ArrayList<>();
        try (Provider provider = found.create(config)) {
            List<? extends Machine> listing = provider.listMachines();
            for (Machine machine : named) {
                Optional<? extends Machine> now = listing.stream()
                        .filter(listed -> Permit.names(listed).stream().anyMatch(Permit.names(machine)::contains))
                        .findFirst();
                String state = now.map(listed -> state(listed, permit)).orElse("not listed any more");
                left.add(describe(machine) + ": " + state);
            }
            for (Machine machine : listing) {
                boolean isNew = named.stream()
                        .noneMatch(one -> Permit.names(one).stream().anyMatch(Permit.names(machine)::contains));
                if (isNew && permit.isMade(machine)) {
                    String asked = machine.intentId().map(intents::get).orElse("none that was named");
                    left.add(asked + ": " + state(machine, permit));
                }
            }
        } catch (RuntimeException e) { // Of a provider that may be wrong in any way.
            left.add("the machines cannot be listed any more: " + e);
            intents.forEach((intent, name) -> left.add("asked for: " + name + ", for intent " + intent));
        }
        return left;
    }

    private static String state(Machine machine, Permit permit) {
        String state = switch (machine.availability()) {
            case KNOWN_UNUSED -> "free";
            case POSSIBLY_USED -> "as before, for all that the provider knows";
            default -> "in use as " + machine.id() + (permit.isMade(machine) ? "" : ", by others");
        };
        return state + machine.intentId().map(intent -> " for intent " + intent).orElse("");
    }

    private Set<Rule> chosen(boolean recovers) {
        Set<Rule> all = Rules.of(recovers).all();
        for (Rule rule : rules) {
            if (!all.contains(rule)) {
                throw new ParameterException(
                        spec.commandLine(),
                        "--rule: " + rule
                                + (rule.name().startsWith("F")
                                        ? " is for factories, which are tried by a test in Java"
                                        : " is for providers that reboot machines, and this one does not"));
            }
        }
        return rules.isEmpty() ? all : EnumSet.copyOf(rules);
    }

    // Properties.

    private FaultProxy proxy(String property, ProviderConfig config) {
        URI uri = uri(property, config);
        FaultProxy.Builder builder = Setting.of("--faults", uri, outside -> FaultProxy.builder(withoutQuery(outside)));
        listings.forEach(builder::listing);
        return builder.limit(Duration.ofSeconds(callLimit)).start();
    }

    private static URI uri(String property, ProviderConfig config) {
        if (!config.names().contains(property)) {
            throw new ConfigurationException(
                    "--faults",
                    "--faults: the provider has no property \"" + Escaped.text(property)
                            + "\", or it has no value; there are: " + String.join(", ", config.names()));
        }
        Optional<URI> uri = Setting.of("--faults", property, name -> given(name, config));
        return uri.filter(one -> "http".equalsIgnoreCase(one.getScheme()) || "https".equalsIgnoreCase(one.getScheme()))
                .orElseThrow(() -> new ConfigurationException(
                        "--faults", "--faults: the property \"" + property + "\" has no http: or https: URL"));
    }

    /** Reads a property that is a URI, or the text of one. */
    private static Optional<URI> given(String property, ProviderConfig config) {
        try {
            return config.uri(property);
        } catch (IllegalArgumentException e) {
            return config.string(property).map(URI::create);
        }
    }

    private static URI withoutQuery(URI uri) {
        return uri.getRawQuery() == null
                ? uri
                : URI.create(uri.toString().substring(0, uri.toString().indexOf('?')));
    }

    private static ProviderConfig proxied(PropertyOptions.Values values, String property, FaultProxy proxy) {
        String query = values.text(property)
                .map(URI::create)
                .map(URI::getRawQuery)
                .map(text -> "?" + text)
                .orElse("");
        return values.with(property, proxy.uri() + query).config();
    }
}
