package dev.shepherd.bmdb.operator;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_QUARANTINE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_ROLLOUT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_UNREACHABLE;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_RULES;
import static org.jooq.impl.DSL.val;

import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.Explanation.OfProcess;
import dev.shepherd.bmdb.Explanation.Rule;
import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.MachineRecord.ActiveWork;
import dev.shepherd.bmdb.PlannedRecovery;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.RecoveryState;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.disruption.MachineDisruption;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.Losses;
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.internal.schema.tables.records.MachineQuarantineRecord;
import dev.shepherd.bmdb.listing.UpdateQueries;
import dev.shepherd.bmdb.recovery.DisruptionQueries;
import dev.shepherd.bmdb.recovery.RecoveryLimits;
import dev.shepherd.bmdb.recovery.RecoveryLooks;
import dev.shepherd.bmdb.recovery.RecoveryRules;
import dev.shepherd.bmdb.recovery.RecoveryStates;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jooq.Condition;
import org.jspecify.annotations.Nullable;

/**
 * Explains in words why a machine is claimed or not, by the rules that claims follow: those of {@code work_rules} and
 * of {@link RecoveryRules}, and the limits of recovery.
 */
final class ExplainQueries {

    private final Handle db;
    private final RecoveryPolicy policy;
    private final MachineRecord machine;
    private final Instant now;
    private final @Nullable ProvidedMachine provided;
    private final Optional<Quarantine> quarantine;
    private final Optional<RecoveryState> recovery;
    private final int unreachableAttempts;
    private final Optional<MachineDisruption> disruption;

    private ExplainQueries(Handle db, RecoveryPolicy policy, MachineRecord machine) {
        this.db = db;
        this.policy = policy;
        this.machine = machine;
        this.now = MachineQueries.now(db);
        this.provided = machine.provided().orElse(null);
        this.quarantine = quarantine(db, machine.machineId());
        this.recovery = RecoveryStates.state(db, machine.machineId());
        this.unreachableAttempts = db.dsl()
                .select(MACHINE_UNREACHABLE.UNREACHABLE_ATTEMPTS)
                .from(MACHINE_UNREACHABLE)
                .where(MACHINE_UNREACHABLE.MACHINE_ID.eq(machine.machineId()))
                .fetchOptional(MACHINE_UNREACHABLE.UNREACHABLE_ATTEMPTS)
                .orElse(0);
        this.disruption = DisruptionQueries.of(db, machine.machineId());
    }

    static Optional<Explanation> explain(Handle db, RecoveryPolicy policy, UUID machineId) {
        return MachineQueries.machine(db, machineId).map(machine -> new ExplainQueries(db, policy, machine).explain());
    }

    static Optional<Quarantine> quarantine(Handle db, UUID machineId) {
        return db.dsl()
                .selectFrom(MACHINE_QUARANTINE)
                .where(MACHINE_QUARANTINE.MACHINE_ID.eq(machineId))
                .fetchOptional(ExplainQueries::quarantine);
    }

    static Map<UUID, Quarantine> quarantined(Handle db) {
        Map<UUID, Quarantine> all = new LinkedHashMap<>();
        db.dsl()
                .selectFrom(MACHINE_QUARANTINE)
                .orderBy(MACHINE_QUARANTINE.QUARANTINED_AT, MACHINE_QUARANTINE.MACHINE_ID)
                .forEach(row -> all.put(row.getMachineId(), quarantine(row)));
        return all;
    }

    private static Quarantine quarantine(MachineQuarantineRecord row) {
        return new Quarantine(row.getQuarantinedAt().toInstant(), row.getQuarantinedBy(), row.getQuarantineCause());
    }

    private Explanation explain() {
        Optional<Instant> check = db.dsl()
                .select(MACHINE_PROVIDED.PROVIDER_CHECK_AT)
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(machine.machineId()))
                .fetchOptional(MACHINE_PROVIDED.PROVIDER_CHECK_AT)
                .filter(at -> at.isBefore(UpdateQueries.AT_REST))
                .map(OffsetDateTime::toInstant);
        return new Explanation(machine, List.of(access(), agentStart(), recovery()), check);
    }

    /** Access is granted on request, unless a session works on the machine. */
    private OfProcess access() {
        Optional<OfProcess> working = shepherdsWork()
                .map(work ->
                        no(WorkProcess.ACCESS, Rule.WORKED_ON, because(Rule.WORKED_ON), change(Rule.WORKED_ON), null));
        return working.orElseGet(() -> new OfProcess(
                WorkProcess.ACCESS,
                true,
                Rule.ELIGIBLE,
                "no session works on it: access is granted on request",
                "another session claiming it first",
                Optional.of(now)));
    }

    private OfProcess agentStart() {
        WorkProcess process = WorkProcess.AGENT_START;
        return keptOff(process)
                .or(() -> paused(process))
                .or(() -> RecoveryRules.backoff(machine, process)
                        .map(backoff -> no(
                                process,
                                Rule.BACKED_OFF,
                                RecoveryRules.describe(backoff),
                                RecoveryRules.END_OF_BACKOFF,
                                backoff.until())))
                .or(() -> disruption
                        .filter(held -> held.kind() == DisruptionKind.ROLLOUT)
                        .filter(held -> held.until().filter(now::isBefore).isPresent())
                        .map(held -> no(
                                process,
                                Rule.HELD_BACK,
                                held.explain().orElseThrow(),
                                "the gate's consent; or asking the gates again",
                                held.until()
                                        .filter(until -> until.isBefore(Instant.MAX))
                                        .orElse(null))))
                .orElseGet(() -> eligible(
                        process,
                        machine.agentStarted().isEmpty()
                                ? "it has no agent and is taken over next"
                                : "it is taken over next, for another agent" + rollout()));
    }

    private OfProcess recovery() {
        WorkProcess process = WorkProcess.RECOVERY;
        return keptOff(process)
                .or(() -> paused(process))
                .or(this::recoveryKeptOff)
                .or(this::heldBack)
                .orElseGet(() -> eligible(process, whyDue()));
    }

    /** The rule that keeps a process off until something changes. */
    private Optional<OfProcess> keptOff(WorkProcess process) {
        if (provided == null) {
            return Optional.of(no(
                    process,
                    Rule.NOT_PROVIDED,
                    "it has no provider",
                    "a provisioner recording it for a provider",
                    null));
        }
        return db.dsl()
                .select(WORK_RULES.RULE)
                .from(WORK_RULES)
                .where(WORK_RULES.MACHINE_ID.eq(machine.machineId()))
                .and(WORK_RULES.PROCESS.eq(process.name()))
                .and(WORK_RULES.RULE.isNotNull())
                .fetchOptional(WORK_RULES.RULE)
                .map(Rule::valueOf)
                // Recovery says more about it: when the machine would be a candidate nevertheless.
                .filter(rule -> rule != Rule.NO_AGENT)
                .map(rule -> no(process, rule, because(rule), change(rule), null));
    }

    /** Says what the last rollout that concerns the machine has done with it; empty if there was none. */
    private String rollout() {
        return db.dsl()
                .selectFrom(MACHINE_ROLLOUT)
                .where(MACHINE_ROLLOUT.MACHINE_ID.eq(machine.machineId()))
                .fetchOptional(row -> "; in rollout " + row.getRolloutId() + " it is " + row.getRolloutStep()
                        + " since " + row.getRolloutStepAt().toInstant()
                        + (row.getRolloutCause() == null ? "" : ": " + row.getRolloutCause()))
                .orElse("");
    }

    private String because(Rule rule) {
        String provider = provided == null ? "" : provided.provider().name();
        return switch (rule) {
            case QUARANTINED ->
                quarantine
                        .map(held -> "it was quarantined at %s by %s: %s".formatted(held.at(), held.by(), held.cause()))
                        .orElse("it is quarantined");
            case MISSING -> "provider " + provider + " no longer knows it";
            case PROVISIONING -> "provider " + provider + " is installing it";
            case INSTALLED -> "the requested operating system is installed";
            case WORKED_ON -> shepherdsWork().map(ExplainQueries::describe).orElse("it is being worked on");
            case AGENT_STARTED ->
                machine.agentStarted()
                        .map(started -> "its agent was started at " + started.startedAt()
                                + started.build()
                                        .map(build -> ", from executable " + build)
                                        .orElse("")
                                + rollout())
                        .orElse("its agent is started");
            default -> throw new IllegalStateException("work_rules has no rule " + rule);
        };
    }

    private String change(Rule rule) {
        return switch (rule) {
            case QUARANTINED -> "releasing it";
            case MISSING -> "the provider reporting it again, which the updater would notice; or forgetting it";
            case PROVISIONING -> "the provider reporting another status, which the updater would notice";
            case INSTALLED -> "requesting another installation";
            case WORKED_ON ->
                shepherdsWork()
                        .map(work -> "the end of that work, or of session " + work.sessionId())
                        .orElse("the end of that work");
            case AGENT_STARTED -> "a recovery, which clears AgentStarted; or a rollout that chooses it";
            default -> throw new IllegalStateException("work_rules has no rule " + rule);
        };
    }

    private Optional<ActiveWork> shepherdsWork() {
        return machine.work().stream()
                .filter(work -> work.process().isShepherds())
                .findFirst();
    }

    private static String describe(ActiveWork work) {
        return "session %s has been working on it since %s (%s)"
                .formatted(work.sessionId(), work.startedAt(), work.process());
    }

    private Optional<OfProcess> paused(WorkProcess process) {
        Condition which = WorkQueries.covers(
                val(machine.machineId()),
                val(provided == null ? null : provided.provider().name()),
                process);
        return Operator.pauses(db, which).stream()
                .findFirst()
                .map(pause -> no(
                        process,
                        Rule.PAUSED,
                        "%s paused it at %s: %s".formatted(pause.by(), pause.at(), pause.reason()),
                        "ending pause " + pause.id(),
                        pause.until().orElse(null)));
    }

    private Optional<OfProcess> recoveryKeptOff() {
        return new RecoveryRules(db.time(), policy)
                .inTheWay(db, new RecoveryRules.Facts(machine, recovery, unreachableAttempts, disruption))
                .map(rule -> no(
                        WorkProcess.RECOVERY,
                        rule.name(),
                        rule.because(),
                        rule.change(),
                        rule.until().orElse(null)));
    }

    private Optional<OfProcess> heldBack() {
        ProvidedMachine here = provided;
        if (here == null) {
            return Optional.empty();
        }
        PlannedRecovery plan = new RecoveryLimits(db, here.provider(), policy).plan(true);
        Optional<Freeze> freeze = plan.outlook().freezes().stream()
                .filter(frozen ->
                        frozen.location().isEmpty() || frozen.location().equals(here.location()))
                .findFirst();
        if (freeze.isPresent()) {
            return Optional.of(no(
                    WorkProcess.RECOVERY,
                    Rule.FROZEN,
                    "recovery of %s is frozen since %s: %s"
                            .formatted(
                                    freeze.get().scope(),
                                    freeze.get().at(),
                                    freeze.get().evidence()),
                    "heartbeats resuming, or releasing the freeze",
                    freeze.get()
                            .calmSince()
                            .map(since -> since.plus(policy.freezeReleaseAfter()))
                            .orElse(null)));
        }
        if (plan.steps().stream().anyMatch(step -> step.machineId().equals(machine.machineId()))) {
            return Optional.empty();
        }
        if (!RecoveryLooks.isLooking(db, here.provider(), policy)) {
            return Optional.of(no(
                    WorkProcess.RECOVERY,
                    Rule.LOOKING,
                    "recovery has just begun to watch, or could not watch for a while",
                    "recovery watching for " + Spans.text(policy.freezeReleaseAfter()) + " without a gap",
                    null));
        }
        return Optional.of(no(
                WorkProcess.RECOVERY,
                Rule.LIMIT,
                "%s; it waits for its turn: %s"
                        .formatted(whyDue(), String.join("; ", plan.outlook().heldBack())),
                "machines in recovery being heard again or quarantined; or a higher limit",
                null));
    }

    private String whyDue() {
        String why;
        if (machine.agentStarted().isPresent()) {
            why = machine.agentHeartbeatAt()
                    .map(at -> "its agent has been silent since " + at)
                    .orElse("its agent was started and never heard");
        } else {
            why = unreachableAttempts >= policy.unreachableAttempts()
                    ? String.format(Locale.ROOT, "%d takeovers in a row did not reach it", unreachableAttempts)
                    : "recovery was attempted and it has had no agent since";
        }
        int attempts =
                recovery.orElseGet(RecoveryState::none).counted(policy, now).attempts();
        return why + String.format(Locale.ROOT, "; %d attempt(s) so far", attempts);
    }

    private OfProcess eligible(WorkProcess process, String because) {
        int losses = Losses.inARow(db, machine.machineId(), process);
        String lost = losses == 0
                ? ""
                : String.format(Locale.ROOT, "; lost %d time(s) in a row with the process that worked on it", losses);
        return new OfProcess(process, true, Rule.ELIGIBLE, because + lost, "a session claiming it", Optional.of(now));
    }

    private static OfProcess no(
            WorkProcess process, Rule rule, String because, String change, @Nullable Instant nextLookAt) {
        return new OfProcess(process, false, rule, because, change, Optional.ofNullable(nextLookAt));
    }
}
