package dev.shepherd.cli.internal;

import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.manager.recovery.RecovererSettings;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that say when machines are recovered, and within which limits. docs/recovery.md has all limits. */
public final class RecoveryOptions {

    /** The options by the names of the settings that they set. */
    private static final Map<String, String> OPTIONS = Map.of(
            "silentAfterHeartbeat", "--silent-after",
            "heartbeatInterval", "--heartbeat-interval",
            "silentAfterStart", "--silent-after-start",
            "maxShare", "--max-recovery-share",
            "maxPerProvider", "--max-recovery",
            "maxPerLocation", "--max-recovery-per-location",
            "cooldown", "--cooldown",
            "maxReboots", "--max-reboots",
            "freezeShare", "--freeze-share");

    @Option(
            names = "--silent-after",
            paramLabel = "SPAN",
            converter = SpanConverter.class,
            description = "recover a machine whose agent was not heard for this long; at least two and a half of"
                    + " --heartbeat-interval, and one of it and a minute (default: 10m)")
    private @Nullable Duration silentAfterHeartbeat;

    @Option(
            names = "--heartbeat-interval",
            paramLabel = "SPAN",
            converter = SpanConverter.class,
            description = "how often your agents send a heartbeat, at least 1s (default: 1m)")
    private @Nullable Duration heartbeatInterval;

    @Option(
            names = "--silent-after-start",
            paramLabel = "SPAN",
            converter = SpanConverter.class,
            description = "recover a machine whose agent was never heard this long after its start (default: 30m)")
    private @Nullable Duration silentAfterStart;

    @Option(
            names = "--max-recovery-share",
            paramLabel = "SHARE",
            description =
                    "share of the provider's machines, and of each location's, in recovery at once (default: 0.2)")
    private @Nullable Double maxShare;

    @Option(
            names = "--max-recovery",
            paramLabel = "N",
            description = "machines of the provider in recovery at once (default: 20)")
    private @Nullable Integer maxPerProvider;

    @Option(
            names = "--max-recovery-per-location",
            paramLabel = "N",
            description = "machines of one location in recovery at once (default: 10)")
    private @Nullable Integer maxPerLocation;

    @Option(
            names = "--cooldown",
            paramLabel = "SPAN",
            converter = SpanConverter.class,
            description = "time between two attempts on one machine (default: 15m)")
    private @Nullable Duration cooldown;

    @Option(
            names = "--max-reboots",
            paramLabel = "N",
            description = "reboots without a heartbeat before a machine is set aside (default: 3)")
    private @Nullable Integer maxReboots;

    @Option(
            names = "--allow-reinstall",
            description = "reinstall machines that reboots do not bring back; what is on their disks may be lost")
    private boolean allowReinstall;

    @Option(
            names = "--freeze-share",
            paramLabel = "SHARE",
            description = "share of agents that must fall silent together for recovery to freeze (default: 0.4)")
    private @Nullable Double freezeShare;

    public RecoveryPolicy policy() {
        RecoveryPolicy.Builder policy = RecoveryPolicy.builder().reinstallAllowed(allowReinstall);
        if (silentAfterHeartbeat != null) {
            policy.silentAfterHeartbeat(silentAfterHeartbeat);
        }
        if (heartbeatInterval != null) {
            policy.heartbeatInterval(heartbeatInterval);
        }
        if (silentAfterStart != null) {
            policy.silentAfterStart(silentAfterStart);
        }
        if (maxShare != null) {
            policy.maxShare(maxShare);
        }
        if (maxPerProvider != null) {
            policy.maxPerProvider(maxPerProvider);
        }
        if (maxPerLocation != null) {
            policy.maxPerLocation(maxPerLocation);
        }
        if (cooldown != null) {
            policy.cooldown(cooldown);
        }
        if (maxReboots != null) {
            policy.maxReboots(maxReboots);
        }
        if (freezeShare != null) {
            policy.freezeShare(freezeShare);
        }
        // How often the command line's recoverer looks: what does not go with it is refused before anything starts.
        policy.lookInterval(RecovererSettings.DEFAULT.pollInterval());
        return Setting.build(OPTIONS, policy::build);
    }
}
