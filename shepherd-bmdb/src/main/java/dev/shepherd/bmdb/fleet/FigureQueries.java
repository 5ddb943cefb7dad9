package dev.shepherd.bmdb.fleet;

import static dev.shepherd.bmdb.internal.schema.Tables.FLEET_COUNTS;
import static dev.shepherd.bmdb.internal.schema.Tables.FLEET_FIGURES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REQUEST;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.OPERATOR_ACTIONS;
import static dev.shepherd.bmdb.internal.schema.Tables.PAUSES;
import static dev.shepherd.bmdb.internal.schema.Tables.RECOVERY_FREEZE;
import static dev.shepherd.bmdb.internal.schema.Tables.ROLLOUTS;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_BACKOFF;
import static java.util.Objects.requireNonNull;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.sum;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.disruption.DisruptionState;
import dev.shepherd.bmdb.fleet.FleetSummary.Figure;
import dev.shepherd.bmdb.fleet.FleetSummary.What;
import dev.shepherd.bmdb.internal.DueQueue;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineConditions;
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.internal.schema.tables.records.FleetFiguresRecord;
import dev.shepherd.bmdb.internal.schema.tables.records.RolloutsRecord;
import dev.shepherd.bmdb.operator.RecoveryPolicies;
import dev.shepherd.bmdb.operator.Verb;
import dev.shepherd.bmdb.recovery.DisruptionQueries;
import dev.shepherd.bmdb.recovery.RecoveryLimits;
import dev.shepherd.bmdb.recovery.RecoveryRules;
import dev.shepherd.bmdb.rollout.RolloutCounts;
import dev.shepherd.bmdb.rollout.RolloutState;
import dev.shepherd.bmdb.rollout.RolloutStep;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jooq.Condition;
import org.jooq.Field;

/**
 * The statements that count what is not a state of machines. What is by provider is there for each provider of the
 * fleet, with zero where there is nothing: a rate or an alert needs the zero.
 */
final class FigureQueries {

    private static final Duration RECENT = Duration.ofHours(1);

    /** For how long a rollout that has ended is told of. */
    private static final Duration NEWS = Duration.ofDays(1);

    /** A process of a later version may count more. */
    private static final Set<String> KNOWN =
            Stream.of(What.values()).map(Enum::name).collect(Collectors.toUnmodifiableSet());

    private static final Field<BigDecimal> PRESENT = coalesce(
            sum(FLEET_COUNTS.MACHINES)
                    .filterWhere(
                            FLEET_COUNTS.STATE.notIn(MachineState.QUARANTINED.name(), MachineState.MISSING.name())),
            inline(BigDecimal.ZERO));

    private final Handle db;
    private final RecoveryPolicies policies;
    private final List<Figure> figures = new ArrayList<>();

    FigureQueries(Handle db, RecoveryPolicies policies) {
        this.db = db;
        this.policies = policies;
    }

    static List<Figure> figures(Handle db) {
        return db.dsl()
                .selectFrom(FLEET_FIGURES)
                .where(FLEET_FIGURES.FIGURE.in(KNOWN))
                .orderBy(FLEET_FIGURES.FIGURE, FLEET_FIGURES.PROVIDER, FLEET_FIGURES.PROCESS, FLEET_FIGURES.KIND)
                .fetch(row -> new Figure(
                        What.valueOf(row.getFigure()),
                        row.getProvider(),
                        row.getProcess(),
                        row.getKind(),
                        row.getValue()));
    }

    /** Counts once more, of the providers that have just been counted. */
    void recount() {
        // Neither quarantined nor missing: the states that come first, so that no machine is in another one instead.
        Map<String, BigDecimal> present = db.dsl()
                .select(FLEET_COUNTS.PROVIDER, PRESENT)
                .from(FLEET_COUNTS)
                .groupBy(FLEET_COUNTS.PROVIDER)
                .orderBy(FLEET_COUNTS.PROVIDER)
                .fetchMap(FLEET_COUNTS.PROVIDER, PRESENT);
        List<String> providers = List.copyOf(present.keySet());
        due(providers, WorkProcess.AGENT_START, MachineConditions.dueForAgentStart(db.time()));
        backedOff();
        byProvider(
                What.INSTALLATIONS_PENDING,
                providers,
                MACHINES.MACHINE_ID
                        .in(select(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID).from(MACHINE_OS_INSTALLATION_REQUEST))
                        .and(not(MachineConditions.installationFulfilled())));
        for (String provider : providers) {
            ProviderType type = new ProviderType(provider);
            RecoveryPolicy policy = policies.of(type);
            Condition eligible = new RecoveryRules(db.time(), policy).eligible();
            due(List.of(provider), WorkProcess.RECOVERY, eligible.and(MACHINE_PROVIDED.PROVIDER.eq(provider)));
            RecoveryLimits.Occupancy occupancy = new RecoveryLimits(db, type, policy)
                    .occupancy(requireNonNull(present.get(provider)).intValueExact());
            add(What.IN_RECOVERY, provider, occupancy.inRecovery());
            add(What.RECOVERY_LIMIT, provider, occupancy.limit());
            add(
                    What.FREEZES,
                    provider,
                    db.dsl()
                            .fetchCount(
                                    RECOVERY_FREEZE,
                                    RECOVERY_FREEZE
                                            .RELEASED_AT
                                            .isNull()
                                            .and(RECOVERY_FREEZE.PROVIDER.in("", provider))));
        }
        heldBack(providers);
        providers.forEach(this::rollout);
        add(What.PAUSES, "", db.dsl().fetchCount(PAUSES, WorkQueries.isOn(db)));
        actions();
        db.dsl().deleteFrom(FLEET_FIGURES).execute();
        db.dsl().batchInsert(figures.stream().map(FigureQueries::row).toList()).execute();
    }

    private static FleetFiguresRecord row(Figure figure) {
        return new FleetFiguresRecord(
                figure.what().name(), figure.provider(), figure.process(), figure.kind(), figure.value());
    }

    private void add(What what, String provider, long value) {
        figures.add(new Figure(what, provider, "", "", value));
    }

    private void due(List<String> providers, WorkProcess process, Condition eligible) {
        Map<String, Integer> due =
                machines(DueQueue.isUp(db, process).and(WorkQueries.claimable(db, process, eligible)));
        providers.forEach(provider ->
                figures.add(new Figure(What.DUE, provider, process.name(), "", due.getOrDefault(provider, 0))));
    }

    private void byProvider(What what, List<String> providers, Condition which) {
        Map<String, Integer> counts = machines(which);
        providers.forEach(provider -> add(what, provider, counts.getOrDefault(provider, 0)));
    }

    private Map<String, Integer> machines(Condition which) {
        return db.dsl()
                .select(MACHINE_PROVIDED.PROVIDER, count())
                .from(MACHINES)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .where(which)
                .groupBy(MACHINE_PROVIDED.PROVIDER)
                .fetchMap(MACHINE_PROVIDED.PROVIDER, count());
    }

    private void backedOff() {
        db.dsl()
                .select(MACHINE_PROVIDED.PROVIDER, WORK_BACKOFF.PROCESS, WORK_BACKOFF.KIND, count())
                .from(WORK_BACKOFF)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(WORK_BACKOFF.MACHINE_ID))
                .where(WORK_BACKOFF.UNTIL.gt(db.time().now()))
                .groupBy(MACHINE_PROVIDED.PROVIDER, WORK_BACKOFF.PROCESS, WORK_BACKOFF.KIND)
                .forEach(row -> figures.add(
                        new Figure(What.BACKED_OFF, row.value1(), row.value2(), row.value3(), row.value4())));
    }

    /** Reads what gates hold back, not the fleet. */
    private void heldBack(List<String> providers) {
        for (DisruptionState state : List.of(DisruptionState.HELD_BACK, DisruptionState.REFUSED)) {
            Map<String, Duration> longest = DisruptionQueries.longestHeldBack(db, state);
            for (String provider : providers) {
                figures.add(new Figure(
                        What.HELD_BACK,
                        provider,
                        "",
                        state == DisruptionState.REFUSED ? "never" : "not_now",
                        longest.getOrDefault(provider, Duration.ZERO).toSeconds()));
            }
        }
    }

    /** Of the last rollout, while it is under way, and for a while after its end. */
    private void rollout(String provider) {
        Optional<RolloutsRecord> last = db.dsl()
                .selectFrom(ROLLOUTS)
                .where(ROLLOUTS.PROVIDER.eq(provider))
                .orderBy(ROLLOUTS.ROLLOUT_ID.desc())
                .limit(1)
                .fetchOptional()
                .filter(row -> row.getRolloutEndedAt() == null
                        || row.getRolloutEndedAt().toInstant().plus(NEWS).isAfter(MachineQueries.now(db)));
        for (String state : List.of(RolloutState.RUNNING, RolloutState.PAUSED, RolloutState.STOPPED)) {
            boolean is = last.filter(row -> row.getRolloutState().equals(state)).isPresent();
            figures.add(new Figure(What.ROLLOUTS, provider, "", state.toLowerCase(Locale.ROOT), is ? 1 : 0));
        }
        Optional<RolloutCounts> counts = last.map(row -> RolloutCounts.of(db, row));
        for (RolloutStep step : RolloutStep.values()) {
            figures.add(new Figure(
                    What.ROLLOUT_MACHINES,
                    provider,
                    "",
                    step.databaseName().toLowerCase(Locale.ROOT),
                    counts.map(of -> of.of(step)).orElse(0)));
        }
    }

    private void actions() {
        Map<String, Integer> done = db.dsl()
                .select(OPERATOR_ACTIONS.VERB, count())
                .from(OPERATOR_ACTIONS)
                .where(OPERATOR_ACTIONS.ACTED_AT.gt(db.time().nowMinus(RECENT)))
                .groupBy(OPERATOR_ACTIONS.VERB)
                .fetchMap(OPERATOR_ACTIONS.VERB, count());
        for (Verb verb : Verb.values()) {
            figures.add(new Figure(
                    What.ACTIONS,
                    "",
                    "",
                    verb.name().toLowerCase(Locale.ROOT),
                    done.getOrDefault(verb.databaseName(), 0)));
        }
    }
}
