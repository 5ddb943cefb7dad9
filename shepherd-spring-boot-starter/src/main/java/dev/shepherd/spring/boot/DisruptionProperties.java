package dev.shepherd.spring.boot;

import static dev.shepherd.spring.boot.Setting.set;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.manager.disruption.Disruption;
import dev.shepherd.manager.disruption.DisruptionBudget;
import dev.shepherd.manager.disruption.DisruptionGate;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.disruption.DrainHook;
import dev.shepherd.manager.disruption.GateAnswer;
import dev.shepherd.manager.disruption.TimeWindows;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * What has a say before machines go down, beside the beans that have one.
 *
 * @param windows When machines may be taken down, such as 'Sat,Sun 22:00-06:00 Europe/Berlin'; at any time by default.
 * @param windowsFor What waits for a window; all kinds by default.
 * @param limits Machines down at once of those that labels make one group, such as '1 of raft-group'.
 * @param answerWithin How long a gate or drain hook may take to answer.
 * @param askAgainAfter When a gate is asked again that named no time.
 * @param approvalGoodFor For how long an approval may be used.
 * @param drainLimit How long moving work away may take at most.
 * @param drainPoll How often drain hooks are asked whether work has been moved away.
 */
record DisruptionProperties(
        @DefaultValue List<String> windows,
        @DefaultValue Set<DisruptionKind> windowsFor,
        @DefaultValue List<String> limits,
        @Nullable Duration answerWithin,
        @Nullable Duration askAgainAfter,
        @Nullable Duration approvalGoodFor,
        @Nullable Duration drainLimit,
        @Nullable Duration drainPoll) {

    static final String PREFIX = ShepherdProperties.PREFIX + ".disruptions";

    /** Makes the settings, with the beans that are gates and drain hooks. They are made when they are first asked. */
    DisruptionSettings settings(ListableBeanFactory beans) {
        return Setting.named(PREFIX, () -> {
            DisruptionSettings.Builder settings = DisruptionSettings.builder();
            if (!windows.isEmpty()) {
                TimeWindows gate = parsed("windows", windows, TimeWindows::parse);
                settings.gate(windowsFor.isEmpty() ? gate : gate.onlyFor(windowsFor));
            } else if (!windowsFor.isEmpty()) {
                throw new ConfigurationException(
                        "windowsFor", "what windows are for goes with windows, and there is none");
            }
            if (!limits.isEmpty()) {
                settings.gate(parsed("limits", limits, DisruptionBudget::parse));
            }
            BeanReference.all(beans, DisruptionGate.class).forEach(gate -> settings.gate(new GateBean(gate)));
            BeanReference.all(beans, DrainHook.class).forEach(hook -> settings.drainHook(new HookBean(hook)));
            set(answerWithin, settings::answerWithin);
            set(askAgainAfter, settings::askAgainAfter);
            set(approvalGoodFor, settings::approvalGoodFor);
            set(drainLimit, settings::drainLimit);
            set(drainPoll, settings::drainPoll);
            return settings.build();
        });
    }

    private static <T> T parsed(String setting, List<String> texts, Function<String[], T> parser) {
        try {
            return parser.apply(texts.toArray(String[]::new));
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException(setting, String.valueOf(e.getMessage()), e);
        }
    }

    /** A gate that is a bean. One whose class has no name is called what the bean is. */
    private record GateBean(BeanReference<DisruptionGate> bean) implements DisruptionGate {
        @Override
        public GateAnswer ask(Disruption disruption) throws Exception {
            return bean.get().ask(disruption);
        }

        @Override
        public String name() {
            String name = bean.get().name();
            return name.equals(UNNAMED) ? bean.name() : name;
        }
    }

    /** A drain hook that is a bean. */
    private record HookBean(BeanReference<DrainHook> bean) implements DrainHook {
        @Override
        public Duration begin(Disruption disruption) throws Exception {
            return bean.get().begin(disruption);
        }

        @Override
        public boolean isDrained(Disruption disruption) throws Exception {
            return bean.get().isDrained(disruption);
        }

        @Override
        public void done(Disruption disruption) throws Exception {
            bean.get().done(disruption);
        }

        @Override
        public void cancelled(Disruption disruption, String why) throws Exception {
            bean.get().cancelled(disruption, why);
        }
    }
}
