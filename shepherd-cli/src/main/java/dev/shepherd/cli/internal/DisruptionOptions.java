package dev.shepherd.cli.internal;

import dev.shepherd.cli.settings.Given;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/** The options of what has a say before machines go down. docs/disruptions.md says more. */
public final class DisruptionOptions {

    @Option(
            names = "--disruption-window",
            paramLabel = "WINDOW",
            description =
                    "take machines down only then, such as 'Sat,Sun 22:00-06:00 Europe/Berlin'; days and zone may be left"
                            + " out; may be repeated (default: at any time)")
    private List<String> windows = new ArrayList<>();

    @Option(
            names = "--disruption-window-for",
            paramLabel = "KIND",
            split = ",",
            description = "what waits for a window: reboot, reinstall, rollout (default: all three)")
    private List<String> windowsFor = new ArrayList<>();

    @Option(
            names = "--disruption-limit",
            paramLabel = "LIMIT",
            description =
                    "machines that labels make one group down at once, whatever takes them down: '1 of raft-group', '2 of"
                            + " tier=db'; may be repeated (default: none)")
    private List<String> limits = new ArrayList<>();

    /** Gives what was given. */
    public void give(Given given) {
        given.putAll("disruptions.windows", "--disruption-window", windows);
        given.putAll("disruptions.windows-for", "--disruption-window-for", windowsFor);
        given.putAll("disruptions.limits", "--disruption-limit", limits);
    }
}
