package dev.shepherd.cli.run;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.bmdb.agent.AgentCallbackConfig;
import dev.shepherd.bmdb.operator.RecoveryPolicies;
import dev.shepherd.cli.internal.AgentListener;
import dev.shepherd.cli.internal.FoundProvider;
import dev.shepherd.cli.internal.ProviderFactories;
import dev.shepherd.cli.internal.WebPage;
import dev.shepherd.cli.settings.DatabaseSettings;
import dev.shepherd.cli.settings.EndpointSettings;
import dev.shepherd.cli.settings.Mark;
import dev.shepherd.cli.settings.ProcessSettings;
import dev.shepherd.cli.settings.ProviderEntry;
import dev.shepherd.cli.settings.Settings;
import dev.shepherd.cli.settings.WebSettings;
import dev.shepherd.manager.ProviderSettings;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.listing.UpdaterSettings;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.web.webhook.WebhookSettings;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * All that {@code shepherd run} needs to know, checked before anything is started.
 *
 * @param endpointNames the hosts in the URLs that agents are told
 * @param providers the providers, with what holds for each
 */
record RunSettings(
        ProcessSettings process,
        DatabaseSettings database,
        EndpointSettings endpoint,
        Set<String> endpointNames,
        AgentCallbackConfig callback,
        WebSettings web,
        Optional<WebhookSettings> webhook,
        DisruptionSettings disruptions,
        RecoveryPolicies policies,
        List<ConfiguredProvider> providers) {

    /**
     * Reads all of it.
     *
     * @param single the provider that options name, in place of those of a file
     * @param onlyCheck whether nothing is to be made that does not exist
     * @throws ConfigurationException that says all that is wrong
     */
    static RunSettings of(
            Settings settings,
            ProcessSettings process,
            ProviderFactories factories,
            @Nullable Single single,
            boolean onlyCheck) {
        EndpointSettings endpoint = settings.endpoint();
        AgentCallbackConfig callback = settings.callback();
        WebSettings web = settings.web(false);
        Optional<WebhookSettings> webhook = settings.webhook();
        DisruptionSettings disruptions = settings.disruptions();
        Optional<byte[]> authority = onlyCheck ? Optional.empty() : settings.authority(endpoint);
        // What holds for all is read even where each provider has its own, for what is wrong with it to be found.
        Part all = new Part(settings, process, endpoint, authority, null);
        List<ConfiguredProvider> providers = new ArrayList<>();
        if (single != null) {
            all.with(single.found(), single.config()).ifPresent(providers::add);
        }
        for (ProviderEntry entry : settings.providers()) {
            Part part = new Part(settings, process, endpoint, authority, entry);
            configured(settings, factories, entry)
                    .flatMap(one -> part.with(one.found, one.config))
                    .ifPresent(providers::add);
        }
        DatabaseSettings database = settings.database();
        Set<String> names = settings.endpointNames(endpoint);
        settings.requireValid();
        return new RunSettings(
                process,
                database,
                endpoint,
                names,
                callback,
                web,
                webhook,
                disruptions,
                settings.recoveryOfEach(),
                List.copyOf(providers));
    }

    /** A provider that is found and can be made. */
    record Single(FoundProvider found, ProviderConfig config) {}

    private static Optional<Single> configured(Settings settings, ProviderFactories factories, ProviderEntry entry) {
        FoundProvider found;
        try {
            found = factories.find(entry.kind());
        } catch (ConfigurationException e) {
            settings.problems().add(entry.mark(), String.valueOf(e.getMessage()));
            return Optional.empty();
        }
        int before = settings.problems().count();
        Settings.Properties properties = settings.properties(entry, found.properties());
        if (settings.problems().count() > before) {
            return Optional.empty(); // What else is wrong may follow from that.
        }
        try {
            return Optional.of(new Single(found, ProviderConfig.of(found.factory(), entry.type(), properties.texts())));
        } catch (ConfigurationException e) {
            Mark mark = e.property().map(properties.marks()::get).orElse(entry.mark());
            settings.problems().add(mark, String.valueOf(e.getMessage()));
            return Optional.empty();
        }
    }

    /** What holds for one provider, or for all. */
    private static final class Part {
        private final boolean takesOver;
        private final Optional<ProvisionerSettings> provisioner;
        private final Optional<InitializerSettings> initializer;
        private final Optional<RecovererSettings> recoverer;
        private final Optional<UpdaterSettings> updater;
        private final Optional<AgentTakeover> takeover;

        Part(
                Settings settings,
                ProcessSettings process,
                EndpointSettings endpoint,
                Optional<byte[]> authority,
                @Nullable ProviderEntry entry) {
            takesOver = process.loops().contains(LoopKind.INITIALIZER);
            provisioner = settings.provisioner(entry);
            initializer = settings.initializer(entry);
            recoverer = settings.recoverer(entry);
            updater = settings.updater(entry);
            boolean needed = takesOver && (entry != null || settings.providers().isEmpty());
            takeover = needed
                    ? settings.agent(
                            entry,
                            endpoint,
                            authority,
                            () -> settings.hasFile() ? Optional.empty() : AgentOptions.defaultKey())
                    : Optional.empty();
        }

        /** Returns a provider with what holds for it; empty if that cannot be had. */
        Optional<ConfiguredProvider> with(FoundProvider found, ProviderConfig config) {
            if (provisioner.isEmpty()
                    || initializer.isEmpty()
                    || recoverer.isEmpty()
                    || updater.isEmpty()
                    || takesOver && takeover.isEmpty()) {
                return Optional.empty();
            }
            ProviderSettings.Builder settings = ProviderSettings.builder()
                    .provisioner(provisioner.get())
                    .initializer(initializer.get())
                    .recoverer(recoverer.get())
                    .updater(updater.get());
            if (takesOver) {
                settings.takeover(takeover.get());
            } else {
                settings.takeover(target -> {
                    throw new IllegalStateException("no machine is taken over without the initializer");
                });
            }
            return Optional.of(new ConfiguredProvider(
                    found,
                    config,
                    settings.build(),
                    takesOver ? initializer.get().parallelism() : 0));
        }
    }

    /** Returns how many connections to the database are enough. */
    int connections() {
        int machines = providers.stream().mapToInt(one -> one.parallelism() + 4).sum();
        int all = machines
                + (endpoint.listens() ? AgentListener.CONNECTIONS : 0)
                + (web.listen().isPresent() ? WebPage.CONNECTIONS : 0)
                + (webhook.isPresent() ? 1 : 0);
        return Math.min(all, 1000);
    }
}
