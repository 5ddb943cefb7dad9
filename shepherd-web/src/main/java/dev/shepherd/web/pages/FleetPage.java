package dev.shepherd.web.pages;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Sizes;
import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.fleet.FleetSample;
import dev.shepherd.bmdb.fleet.FleetSummary;
import dev.shepherd.bmdb.fleet.FleetSummary.Count;
import dev.shepherd.bmdb.fleet.FleetSummary.HardwareSum;
import dev.shepherd.bmdb.fleet.MachineFilter;
import dev.shepherd.bmdb.fleet.MachineState;
import dev.shepherd.bmdb.operator.LiveSession;
import dev.shepherd.bmdb.operator.Pause;
import dev.shepherd.bmdb.operator.Rollout;
import dev.shepherd.bmdb.operator.Verb;
import dev.shepherd.manager.ShepherdStatus;
import dev.shepherd.manager.status.LoopStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Predicate;

/** Says how a whole fleet is. */
public final class FleetPage {

    private static final int MOST_LOCATIONS = 20;
    private static final int MOST_DISCREPANCIES = 20;

    /** States in which a machine needs no one's attention. */
    private static final List<MachineState> WELL = List.of(MachineState.UP, MachineState.INSTALLED);

    private record Place(ProviderType provider, String location) {}

    private FleetPage() {}

    /**
     * Makes what the page shows.
     *
     * @param rollouts the rollouts under way, and the last ones
     * @param releases whether the person may end freezes
     * @param resumes whether the person may end a pause
     * @param mayChangeRollouts what the person may do about rollouts
     */
    public static FleetView of(
            Optional<FleetSummary> summary,
            List<FleetSample> samples,
            List<Freeze> freezes,
            List<Rollout> rollouts,
            List<Pause> pauses,
            Optional<ShepherdStatus> status,
            List<LiveSession> sessions,
            boolean releases,
            Predicate<Pause> resumes,
            Predicate<Verb> mayChangeRollouts,
            Instant now) {
        Say say = new Say(now);
        List<Count> counts = summary.map(FleetSummary::counts).orElse(List.of());
        List<MachineState> states = Arrays.stream(MachineState.values())
                .filter(state -> counts.stream().anyMatch(count -> count.state() == state))
                .toList();
        Map<Place, Map<MachineState, Long>> providers =
                new TreeMap<>(Comparator.comparing(place -> place.provider().name()));
        Map<Place, Map<MachineState, Long>> locations = new TreeMap<>(
                Comparator.comparing((Place place) -> place.provider().name()).thenComparing(Place::location));
        for (Count count : counts) {
            providers
                    .computeIfAbsent(new Place(count.provider(), ""), place -> new EnumMap<>(MachineState.class))
                    .merge(count.state(), count.machines(), Long::sum);
            locations
                    .computeIfAbsent(
                            new Place(count.provider(), count.location()), place -> new EnumMap<>(MachineState.class))
                    .merge(count.state(), count.machines(), Long::sum);
        }
        List<FleetView.Row> worst = locations.entrySet().stream()
                .sorted(Comparator.comparing(entry -> -inTrouble(entry.getValue())))
                .limit(MOST_LOCATIONS)
                .map(entry -> row(
                        entry.getKey(),
                        MachineFilter.ALL
                                .of(entry.getKey().provider())
                                .at(entry.getKey().location()),
                        entry.getValue(),
                        states))
                .toList();
        List<HardwareSum> hardware = summary.map(FleetSummary::hardware).orElse(List.of()).stream()
                .sorted(Comparator.comparing(sum -> -sum.failingDisks()))
                .toList();
        return new FleetView(
                Say.number(summary.map(FleetSummary::machines).orElse(0L)),
                summary.map(counted -> say.when(counted.countedAt())),
                states.stream()
                        .map(state -> tile(state, count(counts, state), MachineFilter.ALL))
                        .toList(),
                states.stream().map(state -> tile(state, 0, MachineFilter.ALL)).toList(),
                providers.entrySet().stream()
                        .map(entry -> row(
                                entry.getKey(),
                                MachineFilter.ALL.of(entry.getKey().provider()),
                                entry.getValue(),
                                states))
                        .toList(),
                locations.size() > providers.size() ? worst : List.of(),
                Math.max(0, locations.size() - MOST_LOCATIONS),
                List.of(
                        Plot.of("Agents heard", samples, now, FleetSample::up),
                        Plot.of("Takeovers in 5 min", samples, now, FleetSample::takeovers),
                        Plot.of("Recoveries in 5 min", samples, now, FleetSample::recoveries),
                        Plot.of("Failures in 5 min", samples, now, FleetSample::failures)),
                status.map(FleetPage::recovery).orElse(List.of()),
                hardware.stream().limit(MOST_LOCATIONS).map(FleetPage::hardware).toList(),
                Math.max(0, hardware.size() - MOST_LOCATIONS),
                freezes.stream()
                        .map(freeze -> new FleetView.FreezeLine(
                                freeze.scope(),
                                freeze.provider().map(ProviderType::name).orElse(""),
                                freeze.location().orElse(""),
                                say.when(freeze.at()),
                                Say.text(freeze.evidence()),
                                releases))
                        .toList(),
                rollouts.stream()
                        .map(rollout -> RolloutCard.of(rollout, mayChangeRollouts, say))
                        .toList(),
                pauses.stream()
                        .map(pause -> new FleetView.PauseLine(
                                pause.id().toString(),
                                pause.scope(),
                                pause.machineId().map(UUID::toString),
                                Say.text(pause.by()),
                                Say.text(pause.reason()),
                                say.when(pause.at()),
                                pause.until().map(say::when),
                                resumes.test(pause)))
                        .toList(),
                status.map(FleetPage::discrepancies).orElse(List.of()),
                status.stream()
                        .flatMap(running -> running.loops().stream())
                        .map(loop -> loop(loop, say))
                        .toList(),
                status.isPresent(),
                sessions.stream().map(session -> session(session, say)).toList());
    }

    private static long count(List<Count> counts, MachineState state) {
        return counts.stream()
                .filter(count -> count.state() == state)
                .mapToLong(Count::machines)
                .sum();
    }

    private static long inTrouble(Map<MachineState, Long> machines) {
        return machines.entrySet().stream()
                .filter(entry -> !WELL.contains(entry.getKey()))
                .mapToLong(Map.Entry::getValue)
                .sum();
    }

    private static FleetView.Tile tile(MachineState state, long machines, MachineFilter filter) {
        return new FleetView.Tile(
                state.word(), state.meaning(), Say.number(machines), MachineLinks.query(filter.in(state), null));
    }

    private static FleetView.Row row(
            Place place, MachineFilter filter, Map<MachineState, Long> machines, List<MachineState> states) {
        return new FleetView.Row(
                place.provider().name(),
                Say.text(place.location()),
                MachineLinks.query(filter, null),
                Say.number(machines.values().stream().mapToLong(Long::longValue).sum()),
                states.stream()
                        .map(state -> tile(state, machines.getOrDefault(state, 0L), filter))
                        .toList());
    }

    private static List<FleetView.Recovery> recovery(ShepherdStatus status) {
        return status.recovery().entrySet().stream()
                .sorted(Comparator.comparing(entry -> entry.getKey().name()))
                .map(entry -> new FleetView.Recovery(
                        entry.getKey().name(),
                        entry.getValue().inRecovery(),
                        entry.getValue().limit(),
                        entry.getValue().due()))
                .toList();
    }

    private static FleetView.HardwareLine hardware(HardwareSum sum) {
        return new FleetView.HardwareLine(
                sum.provider().name(),
                Say.text(sum.location()),
                Say.number(sum.machines())
                        + (sum.unreadable() == 0 ? "" : ", " + Say.number(sum.unreadable()) + " cannot be read"),
                Say.number(sum.cores()) + " in " + Say.number(sum.cpus()),
                Say.number(sum.threads()),
                Sizes.memory(sum.memoryBytes()),
                Say.number(sum.disks()) + " of " + Sizes.disk(sum.diskBytes()),
                sum.failingDisks());
    }

    private static List<FleetView.Discrepant> discrepancies(ShepherdStatus status) {
        return status.discrepancies().entrySet().stream()
                .flatMap(entry -> entry.getValue().stream()
                        .map(one -> new FleetView.Discrepant(entry.getKey().name(), Say.text(one))))
                .limit(MOST_DISCREPANCIES)
                .toList();
    }

    private static FleetView.SessionLine session(LiveSession session, Say say) {
        boolean alive = session.timeLeft().compareTo(Duration.ZERO) > 0;
        return new FleetView.SessionLine(
                Say.text(session.component()),
                Say.text(session.runtimeInfo()),
                say.when(session.startedAt()),
                alive ? "alive" : "dead, about to be reaped",
                alive,
                session.work().size());
    }

    private static FleetView.LoopLine loop(LoopStatus loop, Say say) {
        return new FleetView.LoopLine(
                loop.name(),
                loop.provider().name(),
                loop.state().name().toLowerCase(Locale.ROOT),
                Say.text(loop.waitingFor()),
                loop.nextRunAt().map(say::when),
                loop.lastRunAt().map(say::when),
                loop.lastRunTook().map(took -> "took " + Say.span(took)).orElse(""),
                loop.inProgress(),
                Say.number(loop.succeeded()),
                Say.number(loop.failed()),
                loop.lastError()
                        .map(error -> say.when(error.at()).relative() + ": " + Say.text(error.message())
                                + (error.current() ? "" : " (over)")),
                loop.lastError().map(LoopStatus.LastError::current).orElse(false));
    }
}
