package dev.shepherd.cli.internal;

import dev.shepherd.cli.settings.Given;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that say when machines are recovered, and within which limits. docs/recovery.md has all limits. */
public final class RecoveryOptions {

    @Option(
            names = "--silent-after",
            paramLabel = "SPAN",
            description =
                    "recover a machine whose agent has not been heard for this long; at least two and a half times"
                            + " --heartbeat-interval, and that interval plus a minute (default: 10m)")
    private @Nullable String silentAfterHeartbeat;

    @Option(
            names = "--heartbeat-interval",
            paramLabel = "SPAN",
            description = "how often your agents send a heartbeat, at least 1s (default: 1m)")
    private @Nullable String heartbeatInterval;

    @Option(
            names = "--silent-after-start",
            paramLabel = "SPAN",
            description = "recover a machine whose agent was never heard this long after its start (default: 30m)")
    private @Nullable String silentAfterStart;

    @Option(
            names = "--max-recovery-share",
            paramLabel = "SHARE",
            description =
                    "share of the provider's machines, and of each location's, in recovery at once (default: 0.2)")
    private @Nullable String maxShare;

    @Option(
            names = "--max-recovery",
            paramLabel = "N",
            description = "machines of the provider in recovery at once (default: 20)")
    private @Nullable String maxPerProvider;

    @Option(
            names = "--max-recovery-per-location",
            paramLabel = "N",
            description = "machines of one location in recovery at once (default: 10)")
    private @Nullable String maxPerLocation;

    @Option(
            names = "--label-limit",
            paramLabel = "LIMIT",
            description =
                    "machines that labels make one group in recovery at once, over all providers: '1 of raft-group' for"
                            + " each value of the label, '2 of tier=db' for those that a selector selects; may be repeated (default:"
                            + " none)")
    private List<String> labelLimits = new ArrayList<>();

    @Option(
            names = "--cooldown",
            paramLabel = "SPAN",
            description = "time between two attempts on one machine (default: 15m)")
    private @Nullable String cooldown;

    @Option(
            names = "--max-reboots",
            paramLabel = "N",
            description = "reboots without a heartbeat before a machine is quarantined (default: 3)")
    private @Nullable String maxReboots;

    @Option(
            names = "--allow-reinstall",
            description = "reinstall machines that reboots do not bring back; what is on their disks may be lost")
    private boolean allowReinstall;

    @Option(
            names = "--freeze-share",
            paramLabel = "SHARE",
            description = "share of agents that must fall silent together for recovery to freeze (default: 0.4)")
    private @Nullable String freezeShare;

    /** Gives what was given. */
    public void give(Given given) {
        given.putSpan("recovery.silent-after-heartbeat", "--silent-after", silentAfterHeartbeat);
        given.putSpan("recovery.heartbeat-interval", "--heartbeat-interval", heartbeatInterval);
        given.putSpan("recovery.silent-after-start", "--silent-after-start", silentAfterStart);
        given.put("recovery.max-share", "--max-recovery-share", maxShare);
        given.put("recovery.max-per-provider", "--max-recovery", maxPerProvider);
        given.put("recovery.max-per-location", "--max-recovery-per-location", maxPerLocation);
        given.putAll("recovery.label-limits", "--label-limit", labelLimits);
        given.putSpan("recovery.cooldown", "--cooldown", cooldown);
        given.put("recovery.max-reboots", "--max-reboots", maxReboots);
        given.put("recovery.reinstall-allowed", "--allow-reinstall", allowReinstall ? true : null);
        given.put("recovery.freeze-share", "--freeze-share", freezeShare);
    }
}
