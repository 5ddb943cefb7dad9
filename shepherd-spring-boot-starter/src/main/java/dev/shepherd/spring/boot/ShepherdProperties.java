package dev.shepherd.spring.boot;

import static dev.shepherd.spring.boot.Setting.set;

import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.agent.AgentCallbackConfig;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.manager.listing.UpdaterSettings;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.takeover.InitializerSettings;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.NestedConfigurationProperty;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * All properties below {@code shepherd}. One that is not there is refused, and so a misspelt one is. What is not given is
 * left to the defaults of the builders.
 *
 * @param enabled Whether anything of this is configured.
 * @param autoStartup Whether loops, the page and the endpoint of agents start with the application.
 * @param loops The loops that run in this process; all by default.
 * @param providers The providers, by their types: each with a kind and properties, or a bean of that type; and what holds for it
 *     alone.
 * @param runtimeInfo What operators read about this process in the table of sessions; host and process id by default.
 */
@ConfigurationProperties(prefix = ShepherdProperties.PREFIX, ignoreUnknownFields = false)
record ShepherdProperties(
        @DefaultValue("true") boolean enabled,
        @DefaultValue("true") boolean autoStartup,
        @Nullable Set<LoopKind> loops,
        @Nullable String runtimeInfo,
        @NestedConfigurationProperty @DefaultValue DatabaseProperties database,
        @NestedConfigurationProperty @DefaultValue ProvisionerProperties provisioner,
        @NestedConfigurationProperty @DefaultValue InitializerProperties initializer,
        @NestedConfigurationProperty @DefaultValue RecovererProperties recoverer,
        @NestedConfigurationProperty @DefaultValue RecoveryProperties recovery,
        @NestedConfigurationProperty @DefaultValue UpdaterProperties updater,
        @NestedConfigurationProperty @DefaultValue DisruptionProperties disruptions,
        @NestedConfigurationProperty @DefaultValue AgentProperties agent,
        @NestedConfigurationProperty @DefaultValue AgentEndpointProperties agentEndpoint,
        @NestedConfigurationProperty @DefaultValue AgentCallbackProperties agentCallback,
        @NestedConfigurationProperty @DefaultValue WebProperties web,
        @NestedConfigurationProperty @DefaultValue WebhookProperties webhook,
        @DefaultValue Map<String, ProviderProperties> providers) {

    static final String PREFIX = "shepherd";

    boolean runs(LoopKind loop) {
        return loops == null || loops.contains(loop);
    }

    /**
     * A provider, by its type: what it is made of, or the type of a bean; and what holds for it alone.
     *
     * @param kind Kind of provider; the type by default.
     * @param properties Properties of the provider, as its kind has them.
     */
    record ProviderProperties(
            @Nullable String kind,
            @DefaultValue Map<String, String> properties,
            @NestedConfigurationProperty @DefaultValue ProvisionerProperties provisioner,
            @NestedConfigurationProperty @DefaultValue InitializerProperties initializer,
            @NestedConfigurationProperty @DefaultValue RecovererProperties recoverer,
            @NestedConfigurationProperty @DefaultValue RecoveryProperties recovery,
            @NestedConfigurationProperty @DefaultValue UpdaterProperties updater,
            @NestedConfigurationProperty @DefaultValue AgentProperties agent) {

        /** Does not show properties: some are secrets. */
        @Override
        public String toString() {
            return "ProviderProperties[kind=" + kind + ", properties=" + properties.keySet() + "]";
        }
    }

    /**
     * How machines are provisioned.
     *
     * @param maxCount Machines of a provider in the database, all processes together; 0 for no limit.
     * @param chunkSize Machines created per reconciliation.
     * @param interval Pause between reconciliations.
     * @param creationInterval Least time between two creations.
     */
    record ProvisionerProperties(
            @Nullable Integer maxCount,
            @Nullable Integer chunkSize,
            @Nullable Duration interval,
            @Nullable Duration creationInterval) {

        void applyTo(ProvisionerSettings.Builder settings) {
            set(maxCount, settings::maxCount);
            set(chunkSize, settings::chunkSize);
            set(interval, settings::interval);
            set(creationInterval, settings::creationInterval);
        }
    }

    /**
     * How machines are taken over.
     *
     * @param parallelism Machines taken over at once.
     * @param backoff How long a machine is left alone after a failed takeover.
     * @param sshPort Port of machines whose provider names no other.
     * @param maxFailures Failed takeovers in a row before a machine that can be reached is quarantined.
     * @param pollInterval Longest pause between looks for work.
     */
    record InitializerProperties(
            @Nullable Integer parallelism,
            @NestedConfigurationProperty @DefaultValue BackoffProperties backoff,
            @Nullable Integer sshPort,
            @Nullable Integer maxFailures,
            @Nullable Duration pollInterval) {

        /** Sets all but the backoff, which takes all layers at once. */
        void applyTo(InitializerSettings.Builder settings) {
            set(parallelism, settings::parallelism);
            set(sshPort, settings::sshPort);
            set(maxFailures, settings::maxFailures);
            set(pollInterval, settings::pollInterval);
        }
    }

    /**
     * How machines are recovered, beside the policy.
     *
     * @param parallelism Machines rebooted or reinstalled at once.
     * @param pollInterval Longest pause between looks for work.
     */
    record RecovererProperties(
            @Nullable Integer parallelism, @Nullable Duration pollInterval) {

        void applyTo(RecovererSettings.Builder settings) {
            set(parallelism, settings::parallelism);
            set(pollInterval, settings::pollInterval);
        }
    }

    /**
     * How machines are kept up to date.
     *
     * @param restInterval When the provider is asked again about a machine that had no news.
     * @param motionInterval The same for one being provisioned, in recovery, or just changed.
     * @param pollInterval Pause between looks for machines to ask about.
     */
    record UpdaterProperties(
            @Nullable Duration restInterval,
            @Nullable Duration motionInterval,
            @Nullable Duration pollInterval) {

        void applyTo(UpdaterSettings.Builder settings) {
            set(restInterval, settings::restInterval);
            set(motionInterval, settings::motionInterval);
            set(pollInterval, settings::pollInterval);
        }
    }

    /**
     * A backoff. What is not given is as in the default of the setting.
     *
     * @param initial The first period.
     * @param maximum The longest period.
     * @param exponent Each period is the one before times this.
     * @param jitter Part of the period of which up to the whole is added by chance, from 0 to 1.
     */
    record BackoffProperties(
            @Nullable Duration initial,
            @Nullable Duration maximum,
            @Nullable Double exponent,
            @Nullable Double jitter) {

        /** Returns a backoff with what is given, layer by layer, laid over the usual one. */
        static Backoff over(Backoff usual, String prefix, BackoffProperties... layers) {
            return Setting.named(prefix, () -> {
                Backoff.Builder backoff = Backoff.builder()
                        .initial(usual.initial())
                        .maximum(usual.maximum())
                        .exponent(usual.exponent())
                        .jitter(usual.jitter());
                for (BackoffProperties layer : layers) {
                    set(layer.initial, backoff::initial);
                    set(layer.maximum, backoff::maximum);
                    set(layer.exponent, backoff::exponent);
                    set(layer.jitter, backoff::jitter);
                }
                return backoff.build();
            });
        }
    }

    /**
     * How what agents report is written.
     *
     * @param timeout How long a call may take.
     * @param queueSize Calls that may wait; a tenth of that for calls with reports.
     * @param batchSize Heartbeats that one statement writes.
     * @param heartbeatThreads Threads, and so connections, that write heartbeats.
     * @param reportThreads Threads, and so connections, that write reports.
     * @param lockTimeout How long a batch waits for a locked machine.
     */
    record AgentCallbackProperties(
            @Nullable Duration timeout,
            @Nullable Integer queueSize,
            @Nullable Integer batchSize,
            @Nullable Integer heartbeatThreads,
            @Nullable Integer reportThreads,
            @Nullable Duration lockTimeout) {

        static final AgentCallbackProperties NONE = new AgentCallbackProperties(null, null, null, null, null, null);

        AgentCallbackConfig config() {
            return Setting.named(ShepherdProperties.PREFIX + ".agent-callback", () -> {
                AgentCallbackConfig.Builder config = AgentCallbackConfig.builder();
                set(timeout, config::timeout);
                set(queueSize, config::queueSize);
                set(batchSize, config::batchSize);
                set(heartbeatThreads, config::heartbeatThreads);
                set(reportThreads, config::reportThreads);
                set(lockTimeout, config::lockTimeout);
                return config.build();
            });
        }
    }

    /**
     * The operator's page, with shepherd-web.
     *
     * @param path Path to mount the page at, such as '/fleet'; it is not mounted unless this is given.
     * @param hosts Names under which the page is reached; those of the loopback interface by default.
     * @param countInterval How old the counts of the fleet may be, on the page and in metrics.
     */
    record WebProperties(
            @Nullable String path,
            @Nullable Set<String> hosts,
            @Nullable Duration countInterval) {}

    /**
     * Where events are sent, with shepherd-web.
     *
     * @param url Where events are sent by POST, as JSON and signed; none are sent unless this is given.
     * @param secret Key of the signatures: at least 16 bytes, or 'whsec_' and Base64.
     * @param kinds Kinds of events that are sent, such as 'quarantined'; all by default.
     */
    record WebhookProperties(
            @Nullable URI url,
            @Nullable String secret,
            @Nullable Set<EventKind> kinds) {

        /** Shows neither the secret nor a URL that may have one. */
        @Override
        public String toString() {
            return "WebhookProperties[kinds=" + kinds + "]";
        }
    }
}
