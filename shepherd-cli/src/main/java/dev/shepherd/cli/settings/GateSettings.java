package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.labels.LabelLimit;
import dev.shepherd.manager.disruption.DisruptionBudget;
import dev.shepherd.manager.disruption.DisruptionGate;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.disruption.TimeWindows;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;

/** Makes the gates that need no program: windows of time, and limits by labels. */
final class GateSettings {

    private final DisruptionSettings.Builder settings = DisruptionSettings.builder();
    private List<String> windows = List.of();
    private List<DisruptionKind> windowsFor = List.of();
    private List<LabelLimit> limits = List.of();

    void windows(List<String> texts) {
        this.windows = texts;
    }

    void windowsFor(List<DisruptionKind> kinds) {
        this.windowsFor = kinds;
    }

    void limits(List<LabelLimit> all) {
        this.limits = all;
    }

    void askAgainAfter(Duration span) {
        settings.askAgainAfter(span);
    }

    void approvalGoodFor(Duration span) {
        settings.approvalGoodFor(span);
    }

    DisruptionSettings build() {
        if (windows.isEmpty() && !windowsFor.isEmpty()) {
            throw new ConfigurationException(
                    "windowsFor", "what windows are for goes with windows (--disruption-window), and there is none");
        }
        if (!windows.isEmpty()) {
            settings.gate(windowGate());
        }
        if (!limits.isEmpty()) {
            settings.gate(DisruptionBudget.of(limits));
        }
        return settings.build();
    }

    private DisruptionGate windowGate() {
        TimeWindows gate;
        try {
            gate = TimeWindows.parse(windows.toArray(String[]::new));
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException("windows", "windows: " + e.getMessage(), e);
        }
        return windowsFor.isEmpty() ? gate : gate.onlyFor(EnumSet.copyOf(windowsFor));
    }
}
