package dev.shepherd.spring.boot;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.operator.RecoveryPolicies;
import dev.shepherd.manager.ProviderSettings;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.listing.UpdaterSettings;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.spring.boot.ShepherdProperties.BackoffProperties;
import dev.shepherd.spring.boot.ShepherdProperties.InitializerProperties;
import dev.shepherd.spring.boot.ShepherdProperties.ProviderProperties;
import dev.shepherd.spring.boot.ShepherdProperties.ProvisionerProperties;
import dev.shepherd.spring.boot.ShepherdProperties.RecovererProperties;
import dev.shepherd.spring.boot.ShepherdProperties.UpdaterProperties;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Makes settings of properties: those for all providers, and for each its own laid over them, key by key. */
final class FleetSettings {

    private static final AgentProperties NO_AGENT = new AgentProperties(
            null,
            null,
            new AgentProperties.Credentials(null, null, null),
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null);

    /** One source of properties. */
    private record Layer(
            String prefix,
            ProvisionerProperties provisioner,
            InitializerProperties initializer,
            RecovererProperties recoverer,
            RecoveryProperties recovery,
            UpdaterProperties updater,
            AgentProperties agent) {

        String named(String section) {
            return prefix + "." + section;
        }
    }

    private final ShepherdProperties properties;
    private final @Nullable MachineTakeover takeover;
    private final @Nullable SshCredentials credentials;
    private final Layer all;
    private final Map<String, ProviderProperties> providers;

    /**
     * Makes the settings of properties.
     *
     * @param takeover the application's own way to start agents; null if it has none
     * @param credentials the application's own; null for those of the properties
     */
    FleetSettings(
            ShepherdProperties properties, @Nullable MachineTakeover takeover, @Nullable SshCredentials credentials) {
        this.properties = properties;
        this.takeover = takeover;
        this.credentials = credentials;
        this.providers = folded(properties.providers());
        this.all = new Layer(
                ShepherdProperties.PREFIX,
                properties.provisioner(),
                properties.initializer(),
                properties.recoverer(),
                properties.recovery(),
                properties.updater(),
                properties.agent());
        if (takeover != null && !all.agent.equals(NO_AGENT)) {
            throw new ConfigurationException(
                    all.named("agent"),
                    all.named("agent") + " says how agents are started, and so does the bean of type "
                            + MachineTakeover.class.getSimpleName() + ": take one of both away");
        }
        if (credentials != null && all.agent.credentials().isGiven()) {
            throw new ConfigurationException(
                    all.named("agent.credentials"),
                    all.named("agent.credentials") + " says what to log in with, and so does the bean of type "
                            + SshCredentials.class.getSimpleName() + ": take one of both away");
        }
    }

    /** A variable of the environment cannot say the dashes of a key that is there with them: it is the same one. */
    private static Map<String, ProviderProperties> folded(Map<String, ProviderProperties> given) {
        Map<String, String> longest = new LinkedHashMap<>();
        given.keySet()
                .forEach(key -> longest.merge(
                        Names.uniform(key), key, (one, other) -> one.length() >= other.length() ? one : other));
        Map<String, ProviderProperties> folded = new LinkedHashMap<>();
        longest.values().forEach(key -> folded.put(key, Objects.requireNonNull(given.get(key))));
        return folded;
    }

    /** Returns the providers that properties name, by their types. */
    Map<String, ProviderProperties> providers() {
        return providers;
    }

    /** Returns where the properties of a provider are. */
    static String prefix(String type) {
        return ShepherdProperties.PREFIX + ".providers." + type;
    }

    /** Sets what holds for all providers. */
    void applyTo(Shepherd.Builder shepherd) {
        List<Layer> layers = List.of(all);
        shepherd.provisioner(provisioner(layers))
                .initializer(initializer(layers))
                .recoverer(recoverer(layers))
                .updater(updater(layers));
        Setting.set(properties.loops(), shepherd::loops);
        Setting.set(properties.runtimeInfo(), shepherd::runtimeInfo);
        if (takeover != null) {
            shepherd.takeover(takeover);
        } else if (!properties.runs(LoopKind.INITIALIZER)) {
            shepherd.takeover(target -> {
                throw new IllegalStateException("no machine is taken over without the initializer");
            });
        }
    }

    /** Returns what holds for one provider. */
    ProviderSettings of(ProviderType type) {
        ProviderProperties given = providers.get(type.name());
        List<Layer> layers = given == null ? List.of(all) : List.of(all, layer(type.name(), given));
        ProviderSettings.Builder settings = ProviderSettings.builder()
                .provisioner(provisioner(layers))
                .initializer(initializer(layers))
                .recoverer(recoverer(layers))
                .updater(updater(layers));
        boolean own = given != null && !given.agent().equals(NO_AGENT);
        if (properties.runs(LoopKind.INITIALIZER) && (own || takeover == null)) {
            settings.takeover(takeover(own ? layers : List.of(all)));
        }
        return settings.build();
    }

    /** Returns when an agent is silent. */
    RecoveryPolicies policies() {
        RecoveryPolicies policies = RecoveryPolicies.of(recoverer(List.of(all)).policy());
        for (Map.Entry<String, ProviderProperties> one : providers.entrySet()) {
            List<Layer> layers = List.of(all, layer(one.getKey(), one.getValue()));
            policies = policies.with(
                    new ProviderType(one.getKey()), recoverer(layers).policy());
        }
        return policies;
    }

    private static Layer layer(String type, ProviderProperties given) {
        return new Layer(
                prefix(type),
                given.provisioner(),
                given.initializer(),
                given.recoverer(),
                given.recovery(),
                given.updater(),
                given.agent());
    }

    /** Where what is wrong is said to be: with the provider, since what is for all was made before. */
    private static String named(List<Layer> layers, String section) {
        return layers.get(layers.size() - 1).named(section);
    }

    private static ProvisionerSettings provisioner(List<Layer> layers) {
        return Setting.named(named(layers, "provisioner"), () -> {
            ProvisionerSettings.Builder settings = ProvisionerSettings.builder();
            layers.forEach(layer -> layer.provisioner.applyTo(settings));
            return settings.build();
        });
    }

    private static InitializerSettings initializer(List<Layer> layers) {
        String prefix = named(layers, "initializer");
        return Setting.named(prefix, () -> {
            InitializerSettings.Builder settings = InitializerSettings.builder();
            layers.forEach(layer -> layer.initializer.applyTo(settings));
            settings.backoff(BackoffProperties.over(
                    InitializerSettings.DEFAULT.backoff(),
                    prefix + ".backoff",
                    layers.stream().map(layer -> layer.initializer.backoff()).toArray(BackoffProperties[]::new)));
            return settings.build();
        });
    }

    private static RecovererSettings recoverer(List<Layer> layers) {
        RecovererSettings loop = Setting.named(named(layers, "recoverer"), () -> {
            RecovererSettings.Builder settings = RecovererSettings.builder();
            layers.forEach(layer -> layer.recoverer.applyTo(settings));
            return settings.build();
        });
        String prefix = named(layers, "recovery");
        RecoveryPolicy policy = Setting.named(prefix, () -> {
            // How often recovery looks is the loop's, so that spans that do not go together are refused.
            RecoveryPolicy.Builder settings = RecoveryPolicy.builder().lookInterval(loop.pollInterval());
            layers.forEach(layer -> layer.recovery.applyTo(settings));
            settings.backoff(BackoffProperties.over(
                    RecoveryPolicy.DEFAULT.backoff(),
                    prefix + ".backoff",
                    layers.stream().map(layer -> layer.recovery.backoff()).toArray(BackoffProperties[]::new)));
            return settings.build();
        });
        return loop.toBuilder().policy(policy).build();
    }

    private static UpdaterSettings updater(List<Layer> layers) {
        return Setting.named(named(layers, "updater"), () -> {
            UpdaterSettings.Builder settings = UpdaterSettings.builder();
            layers.forEach(layer -> layer.updater.applyTo(settings));
            return settings.build();
        });
    }

    private AgentTakeover takeover(List<Layer> layers) {
        String prefix = named(layers, "agent");
        return Setting.named(prefix, () -> {
            if (layers.stream().allMatch(layer -> layer.agent.executable() == null)) {
                throw new ConfigurationException(
                        "executable",
                        "the agent's executable is missing: give its file, or define a bean of type "
                                + MachineTakeover.class.getSimpleName());
            }
            AgentTakeover.Builder settings = AgentTakeover.builder();
            if (layers.stream().allMatch(layer -> layer.agent.endpoint() == null)) {
                settings.endpoint(properties
                        .agentEndpoint()
                        .url()
                        .orElseThrow(() -> new ConfigurationException(
                                "endpoint",
                                "it is missing where agents report to: give its URL, or "
                                        + AgentEndpointProperties.PREFIX + ".address to have them report here")));
            }
            if (layers.stream().allMatch(layer -> layer.agent.caCertificate() == null)) {
                properties.agentEndpoint().caCertificate().ifPresent(settings::caCertificate);
            }
            for (Layer layer : layers) {
                Setting.named(layer.named("agent"), () -> {
                    layer.agent.applyTo(layer.named("agent"), settings);
                    return settings;
                });
            }
            return settings.credentials(credentials(layers)).build();
        });
    }

    private SshCredentials credentials(List<Layer> layers) {
        for (int i = layers.size() - 1; i >= 0; i--) {
            Layer layer = layers.get(i);
            if (layer.agent.credentials().isGiven()) {
                return Setting.named(
                        layer.named("agent.credentials"),
                        () -> layer.agent.credentials().read());
            }
        }
        if (credentials == null) {
            throw new ConfigurationException(
                    "credentials",
                    "it is missing what to log in with: give key or password, or define a bean of type "
                            + SshCredentials.class.getSimpleName());
        }
        return credentials;
    }
}
