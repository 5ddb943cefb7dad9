package dev.shepherd.testkit.contract;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderProperty;
import dev.shepherd.api.ProviderType;
import dev.shepherd.testkit.LogCapture;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.slf4j.LoggerFactory;

/**
 * The contract of {@link ProviderFactory} as tests: extend it, say which factory and properties with which it makes a
 * provider, and run it.
 *
 * <pre>{@code
 * class RackProviderFactoryTest extends ProviderFactoryContract {
 *
 *     @Override
 *     protected ProviderFactory createFactory() {
 *         return new RackProviderFactory();
 *     }
 *
 *     @Override
 *     protected Map<String, String> properties() {
 *         return Map.of("controller", "http://127.0.0.1:1/");
 *     }
 * }
 * }</pre>
 *
 * <p>Some rules are about properties of one kind, and skipped where there is none. Providers are closed as soon as they
 * are made.
 */
@ExtendWith(ContractReport.class)
public abstract class ProviderFactoryContract {

    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);
    private static final int LONGEST_DESCRIPTION = 200;

    @RegisterExtension
    final ContractRun run = new ContractRun(new ContractRun.Fixture() {
        @Override
        public Duration callLimit() {
            return ProviderFactoryContract.this.callLimit();
        }

        @Override
        public Map<Rule, String> optedOut() {
            return Map.of();
        }

        @Override
        public List<String> fixtureThreads() {
            return ProviderFactoryContract.this.fixtureThreads();
        }
    });

    /** For subclasses. */
    protected ProviderFactoryContract() {}

    /** Makes the factory, as {@link ServiceLoader} does: by its constructor without parameters. */
    protected abstract ProviderFactory createFactory() throws Exception;

    /**
     * Returns properties with which the factory makes a provider, all that are required and those of the others that are
     * to be tried. Secrets among them should have values that stand nowhere else, at least 8 characters long.
     */
    protected abstract Map<String, String> properties() throws Exception;

    /**
     * Returns the names of those properties that are not required and yet have to be given, so that no test reaches beyond
     * its fixture: an endpoint, for one. None by default. They are never left out.
     */
    protected Set<String> keptProperties() {
        return Set.of();
    }

    /** Returns what the names of the fixture's own threads begin with, like {@link ProviderContract#fixtureThreads()}. */
    protected List<String> fixtureThreads() {
        return List.of();
    }

    /** Returns how long making a provider may take; 10 s by default. */
    protected Duration callLimit() {
        return Duration.ofSeconds(10);
    }

    private ProviderFactory factory() throws Exception {
        ProviderFactory factory = createFactory();
        run.subject(factory.getClass().getName());
        return factory;
    }

    private Outcome<Provider> make(ProviderFactory factory, ProviderType type, Map<String, String> properties)
            throws InterruptedException {
        Outcome<Provider> outcome = run.call(
                "a provider with the properties " + properties.keySet(),
                () -> factory.create(ProviderConfig.of(factory, type, properties)));
        if (outcome.value() != null) {
            run.track(outcome.value());
            run.subject(factory.getClass().getName());
        }
        return outcome;
    }

    private ProviderType type(ProviderFactory factory) throws InterruptedException {
        return run.get("kind() as a ProviderType", () -> new ProviderType(factory.kind()));
    }

    private static boolean names(Outcome<?> outcome, String property) {
        return outcome.failure() instanceof ConfigurationException e
                && e.property().equals(Optional.of(property))
                && String.valueOf(e.getMessage()).contains(property);
    }

    /** A refusal that a user can do something with. */
    private static boolean namesAny(Outcome<?> outcome) {
        return outcome.failure() instanceof ConfigurationException e
                && e.property().isPresent();
    }

    @Test
    public final void required_F01_serviceLoaderFindsIt() throws Exception {
        Class<?> wanted = factory().getClass();
        List<String> found = new ArrayList<>();
        Outcome<Boolean> loaded = run.call("ServiceLoader.load(ProviderFactory.class)", () -> {
            for (ProviderFactory factory : ServiceLoader.load(ProviderFactory.class)) {
                found.add(factory.getClass().getName());
            }
            return true;
        });
        run.get(loaded, "all factories can be loaded");
        long times = found.stream().filter(wanted.getName()::equals).count();
        if (times != 1) {
            throw run.broken(wanted.getName() + " once", "it finds " + found);
        }
    }

    @Test
    public final void required_F02_kindIsAProviderTypeOfItsOwn() throws Exception {
        ProviderFactory factory = factory();
        ProviderType kind = type(factory);
        Outcome<String> again = run.call("kind()", createFactory()::kind);
        if (!kind.name().equals(again.value())) {
            throw run.broken("kind() is " + kind + " again", again);
        }
        for (ProviderFactory other : ServiceLoader.load(ProviderFactory.class)) {
            if (other.getClass() != factory.getClass() && kind.name().equals(other.kind())) {
                throw run.broken(
                        "no other factory is of kind " + kind, other.getClass().getName() + " is");
            }
        }
    }

    @Test
    public final void required_F03_descriptionIsOneLine() throws Exception {
        ProviderFactory factory = factory();
        String description = run.get("description()", factory::description);
        if (description.isBlank() || description.lines().count() > 1 || description.length() > LONGEST_DESCRIPTION) {
            throw run.broken(
                    "one line of at most " + LONGEST_DESCRIPTION + " characters",
                    "description() returned \"" + description + "\"");
        }
    }

    @Test
    public final void required_F04_propertiesAreDescribedOnce() throws Exception {
        ProviderFactory factory = factory();
        List<ProviderProperty> properties = run.get("properties()", factory::properties);
        Set<String> names = new HashSet<>();
        for (ProviderProperty property : properties) {
            if (!names.add(property.name())) {
                throw run.broken("each property once", "\"" + property.name() + "\" is described twice");
            }
        }
        for (ProviderFactory each : List.of(factory, createFactory())) {
            Outcome<List<ProviderProperty>> again = run.call("properties()", each::properties);
            if (!properties.equals(again.value())) {
                throw run.broken("properties() returns " + names + " again", again);
            }
        }
        Set<String> unknown = new HashSet<>(properties().keySet());
        unknown.removeAll(names);
        if (!unknown.isEmpty()) {
            throw run.broken("the fixture's properties are described", "there is no description of " + unknown);
        }
    }

    @Test
    public final void required_F05_unknownPropertiesAreRefusedByName() throws Exception {
        ProviderFactory factory = factory();
        ProviderType type = type(factory);
        Set<String> known = new HashSet<>();
        for (ProviderProperty property : run.get("properties()", factory::properties)) {
            known.add(property.name());
        }
        List<String> candidates = new ArrayList<>(List.of("no-such-property"));
        known.forEach(name -> candidates.add(name + "s"));
        for (String name : candidates) {
            if (!known.contains(name)) {
                Map<String, String> properties = new LinkedHashMap<>(properties());
                properties.put(name, "1");
                Outcome<Provider> outcome = make(factory, type, properties);
                if (!names(outcome, name)) {
                    throw run.broken("a ConfigurationException that names \"" + name + "\"", outcome);
                }
            }
        }
    }

    @Test
    public final void required_F06_missingPropertiesAreRefusedByName() throws Exception {
        ProviderFactory factory = factory();
        ProviderType type = type(factory);
        run.get(make(factory, type, properties()), "the fixture's properties make a provider");
        for (ProviderProperty property : run.get("properties()", factory::properties)) {
            Map<String, String> properties = new LinkedHashMap<>(properties());
            if (!keptProperties().contains(property.name()) && properties.remove(property.name()) != null) {
                Outcome<Provider> outcome = make(factory, type, properties);
                if (property.required() && !names(outcome, property.name())) {
                    throw run.broken("a ConfigurationException that names \"" + property.name() + "\"", outcome);
                }
                requireMadeOrNamed(outcome);
            }
        }
        Map<String, String> required = new LinkedHashMap<>(properties());
        for (ProviderProperty property : factory.properties()) {
            if (!property.required() && !keptProperties().contains(property.name())) {
                required.remove(property.name());
            }
        }
        requireMadeOrNamed(make(factory, type, required));
    }

    private void requireMadeOrNamed(Outcome<?> outcome) {
        if (!outcome.hasValue() && !namesAny(outcome) && !(outcome.failure() instanceof ProviderException)) {
            throw run.broken("a provider, or a ConfigurationException that names a property", outcome);
        }
    }

    @Test
    public final void required_F07_senselessValuesAreRefusedByName() throws Exception {
        ProviderFactory factory = factory();
        ProviderType type = type(factory);
        for (ProviderProperty property : run.get("properties()", factory::properties)) {
            for (String value : senseless(property.type())) {
                Map<String, String> properties = new LinkedHashMap<>(properties());
                properties.put(property.name(), value);
                Outcome<Provider> outcome = make(factory, type, properties);
                if (!outcome.hasValue() && !namesAny(outcome) && !(outcome.failure() instanceof ProviderException)) {
                    throw run.broken(
                            "with \"" + property.name() + "\" being \"" + value
                                    + "\": a ConfigurationException that names a property, or a provider",
                            outcome);
                }
            }
        }
    }

    private static List<String> senseless(ProviderProperty.Type type) {
        return switch (type) {
            case STRING -> List.of(" ", "\u00fc ? / \" '");
            case INTEGER -> List.of("many", "-1", "0");
            case BOOLEAN -> List.of("perhaps");
            case DURATION -> List.of("soon", "0s", "1000000d");
            case URI -> List.of("not a URI", "gopher:nowhere", "http:///");
            case PATH -> List.of(" ", "no/such/file");
        };
    }

    @Test
    public final void required_F08_theTypeIsTheConfiguredOne() throws Exception {
        ProviderFactory factory = factory();
        String kind = type(factory).name();
        for (String name : List.of(kind, kind + "-eu", "another")) {
            ProviderType type = new ProviderType(name);
            Provider provider = run.get(make(factory, type, properties()), "create(config) returns a provider");
            if (!type.equals(provider.type())) {
                throw run.broken("a provider of type " + type, "its type is " + provider.type());
            }
        }
    }

    @Test
    public final void required_F09_secretsShowNowhere() throws Exception {
        ProviderFactory factory = factory();
        ProviderType type = type(factory);
        List<String> secrets = new ArrayList<>();
        List<ProviderProperty> secretProperties = run.get("properties()", factory::properties).stream()
                .filter(property -> property.secret() && hasValue(property))
                .toList();
        for (ProviderProperty property : secretProperties) {
            secrets.add(value(property));
        }
        run.require(!secrets.isEmpty(), "no property that the fixture gives a value is a secret");
        LogCapture log = LogCapture.of("");
        log.start();
        boolean seen;
        try {
            LoggerFactory.getLogger(ProviderFactoryContract.class).error("The log is looked at for secrets.");
            seen = log.text().contains("The log is looked at for secrets.");
            Outcome<Provider> made = make(factory, type, properties());
            if (made.value() != null) {
                ContractRun.secretIn(String.valueOf(made.value()), secrets).ifPresent(secret -> {
                    throw run.broken("no secret in the provider's toString()", "it shows " + secret);
                });
                Provider provider = made.value();
                run.call("listMachines()", provider::listMachines);
            }
            for (ProviderProperty property : factory.properties()) {
                Map<String, String> properties = new LinkedHashMap<>(properties());
                properties.put(property.name(), property.secret() ? value(property) + " \u0000" : "?");
                make(factory, type, properties);
                if (!keptProperties().contains(property.name())) {
                    properties.remove(property.name());
                    make(factory, type, properties);
                }
            }
        } finally {
            log.stop();
        }
        for (Throwable failure : run.failures()) {
            ContractRun.secretIn(failure, secrets).ifPresent(where -> {
                throw run.broken("no secret in an exception", where);
            });
        }
        ContractRun.secretIn(log.text(), secrets).ifPresent(secret -> {
            throw run.broken("no secret in the log", "it shows " + secret);
        });
        run.require(
                seen,
                "nothing is wrong with the provider and its exceptions, but the log could not be looked at: use a backend for"
                        + " SLF4J in the tests that writes to System.err or System.out, such as slf4j-simple");
    }

    private boolean hasValue(ProviderProperty property) {
        return !value(property).isBlank();
    }

    private String value(ProviderProperty property) {
        try {
            return properties().getOrDefault(property.name(), "");
        } catch (Exception e) {
            throw new AssertionError("fixture: properties() failed: " + e, e);
        }
    }

    @Test
    public final void required_F10_noThreadBeforeAndAfter() throws Exception {
        Set<Thread> left = Set.of();
        for (int divisor : List.of(20, 10, 1)) {
            Set<Thread> before = Thread.getAllStackTraces().keySet();
            ProviderFactory factory = factory();
            factory.properties();
            left = run.awaitNoMoreThreads(before, CLOSE_LIMIT.dividedBy(10 * divisor));
            if (left.isEmpty()) {
                Outcome<Provider> made = make(factory, type(factory), properties());
                run.get(made, "create(config) returns a provider").close();
                left = run.awaitNoMoreThreads(before, CLOSE_LIMIT.dividedBy(divisor));
            }
            if (left.isEmpty()) {
                return;
            }
        }
        throw run.threadsLeft("no thread is left by the factory, nor by a provider that is closed", left);
    }
}
