package dev.shepherd.bmdb;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_QUARANTINE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_UNREACHABLE;
import static dev.shepherd.bmdb.internal.schema.Tables.PAUSES;

import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Explanation.OfProcess;
import dev.shepherd.bmdb.Explanation.Rule;
import dev.shepherd.bmdb.MachineRecord.ActiveBackoff;
import dev.shepherd.bmdb.MachineRecord.ActiveWork;
import dev.shepherd.bmdb.internal.schema.tables.records.MachineQuarantineRecord;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.DSLContext;
import org.jspecify.annotations.Nullable;

/**
 * Says in words why a machine is claimed or not. The conditions of the claims are the definition; a test holds this to
 * them.
 */
final class ExplainQueries {

    private final DSLContext dsl;
    private final DatabaseTime time;
    private final RecoveryPolicy policy;
    private final MachineRecord machine;
    private final Instant now;
    private final @Nullable ProvidedMachine provided;
    private final Optional<Quarantine> quarantine;
    private final Optional<RecoveryState> recovery;
    private final int unreachableAttempts;

    private ExplainQueries(DSLContext dsl, DatabaseTime time, RecoveryPolicy policy, MachineRecord machine) {
        this.dsl = dsl;
        this.time = time;
        this.policy = policy;
        this.machine = machine;
        this.now = MachineQueries.now(dsl, time);
        this.provided = machine.provided().orElse(null);
        this.quarantine = quarantine(dsl, machine.machineId());
        this.recovery = RecoveryQueries.state(dsl, machine.machineId());
        this.unreachableAttempts = dsl.select(MACHINE_UNREACHABLE.UNREACHABLE_ATTEMPTS)
                .from(MACHINE_UNREACHABLE)
                .where(MACHINE_UNREACHABLE.MACHINE_ID.eq(machine.machineId()))
                .fetchOptional(MACHINE_UNREACHABLE.UNREACHABLE_ATTEMPTS)
                .orElse(0);
    }

    static Optional<Explanation> explain(DSLContext dsl, DatabaseTime time, RecoveryPolicy policy, UUID machineId) {
        return MachineQueries.machine(dsl, time, machineId)
                .map(machine -> new ExplainQueries(dsl, time, policy, machine).explain());
    }

    static Optional<Quarantine> quarantine(DSLContext dsl, UUID machineId) {
        return dsl.selectFrom(MACHINE_QUARANTINE)
                .where(MACHINE_QUARANTINE.MACHINE_ID.eq(machineId))
                .fetchOptional(ExplainQueries::quarantine);
    }

    static Map<UUID, Quarantine> quarantined(DSLContext dsl) {
        Map<UUID, Quarantine> all = new LinkedHashMap<>();
        dsl.selectFrom(MACHINE_QUARANTINE)
                .orderBy(MACHINE_QUARANTINE.QUARANTINED_AT, MACHINE_QUARANTINE.MACHINE_ID)
                .forEach(row -> all.put(row.getMachineId(), quarantine(row)));
        return all;
    }

    private static Quarantine quarantine(MachineQuarantineRecord row) {
        return new Quarantine(row.getQuarantinedAt().toInstant(), row.getQuarantinedBy(), row.getQuarantineCause());
    }

    private Explanation explain() {
        Optional<Instant> check = dsl.select(MACHINE_PROVIDED.PROVIDER_CHECK_AT)
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(machine.machineId()))
                .fetchOptional(MACHINE_PROVIDED.PROVIDER_CHECK_AT)
                .filter(at -> at.isBefore(UpdateQueries.AT_REST))
                .map(OffsetDateTime::toInstant);
        return new Explanation(machine, List.of(access(), agentStart(), recovery()), check);
    }

    /** Whoever asks for access gets it, unless somebody works on the machine. */
    private OfProcess access() {
        Optional<OfProcess> working = workedOn(WorkProcess.ACCESS);
        return working.orElseGet(() -> new OfProcess(
                WorkProcess.ACCESS,
                true,
                Rule.ELIGIBLE,
                "nobody works on it: whoever asks for access gets it",
                "somebody else taking it first",
                Optional.of(now)));
    }

    private OfProcess agentStart() {
        WorkProcess process = WorkProcess.AGENT_START;
        return common(process)
                .or(() -> machine.agentStarted()
                        .map(started -> no(
                                process,
                                Rule.AGENT_STARTED,
                                "its agent was started at " + started.startedAt(),
                                "a recovery, which clears that",
                                null)))
                .or(() -> backedOff(process))
                .orElseGet(() -> eligible(process, "it has no agent and is taken over next"));
    }

    private OfProcess recovery() {
        WorkProcess process = WorkProcess.RECOVERY;
        return common(process)
                .or(this::notSilent)
                .or(this::coolingDown)
                .or(() -> backedOff(process))
                .or(this::heldBack)
                .orElseGet(() -> eligible(process, whyDue()));
    }

    /** What keeps both loops off. */
    private Optional<OfProcess> common(WorkProcess process) {
        if (provided == null) {
            return Optional.of(no(
                    process, Rule.NOT_PROVIDED, "it has no provider", "a provider that records it as its own", null));
        }
        if (quarantine.isPresent()) {
            Quarantine aside = quarantine.get();
            return Optional.of(no(
                    process,
                    Rule.QUARANTINED,
                    "it was set aside at %s by %s: %s".formatted(aside.at(), aside.by(), aside.cause()),
                    "releasing it",
                    null));
        }
        if (provided.status().equals(Optional.of(ProviderStatus.MISSING))) {
            return Optional.of(no(
                    process,
                    Rule.MISSING,
                    "provider " + provided.provider() + " no longer knows it",
                    "the provider knowing it again, which the updater would see; or forgetting it",
                    null));
        }
        if (provided.status().equals(Optional.of(ProviderStatus.PROVISIONING))) {
            return Optional.of(no(
                    process,
                    Rule.PROVISIONING,
                    "provider " + provided.provider() + " is installing it",
                    "the provider saying otherwise, which the updater would see",
                    null));
        }
        if (machine.isInstallationFulfilled()) {
            return Optional.of(no(
                    process,
                    Rule.INSTALLED,
                    "the requested operating system is installed",
                    "requesting another installation",
                    null));
        }
        return workedOn(process).or(() -> paused(process));
    }

    private Optional<OfProcess> workedOn(WorkProcess process) {
        return machine.work().stream()
                .filter(work -> work.process().isShepherds())
                .findFirst()
                .map(work -> no(
                        process,
                        Rule.WORKED_ON,
                        describe(work),
                        "the end of that work, or of session " + work.sessionId(),
                        null));
    }

    private static String describe(ActiveWork work) {
        return "session %s has been working on it since %s (%s)"
                .formatted(work.sessionId(), work.startedAt(), work.process());
    }

    private Optional<OfProcess> paused(WorkProcess process) {
        Condition which = PAUSES.MACHINE_ID
                .isNull()
                .or(PAUSES.MACHINE_ID.eq(machine.machineId()))
                .and(PAUSES.PROCESS.isNull().or(PAUSES.PROCESS.eq(process.name())))
                .and(PAUSES.PROVIDER
                        .isNull()
                        .or(PAUSES.PROVIDER.eq(
                                provided == null ? "" : provided.provider().name())));
        return OperatorActions.pauses(dsl, time, which).stream()
                .findFirst()
                .map(pause -> no(
                        process,
                        Rule.PAUSED,
                        "%s paused it at %s: %s".formatted(pause.by(), pause.at(), pause.reason()),
                        "ending pause " + pause.id(),
                        pause.until().orElse(null)));
    }

    private Optional<OfProcess> backedOff(WorkProcess process) {
        return machine.backoffs().stream()
                .filter(backoff -> backoff.process().equals(process))
                .findFirst()
                .map(backoff -> no(
                        process, Rule.BACKED_OFF, describe(backoff), "time; or deleting its backoff", backoff.until()));
    }

    private static String describe(ActiveBackoff backoff) {
        return "it is left alone for %s, until %s: %s"
                .formatted(
                        Spans.text(Duration.ofSeconds(backoff.lastIntervalSeconds())),
                        backoff.until(),
                        backoff.cause());
    }

    /** Which is nothing for a machine that is to be recovered. */
    private Optional<OfProcess> notSilent() {
        WorkProcess process = WorkProcess.RECOVERY;
        if (machine.agentStarted().isEmpty()) {
            if (isUnreachable() || isStuck()) {
                return Optional.empty();
            }
            Instant stuckAt = recovery.filter(RecoveryState::isOpen)
                    .map(state -> state.attemptedAt().plus(policy.stuckAfter()))
                    .orElse(null);
            return Optional.of(no(
                    process,
                    Rule.NO_AGENT,
                    String.format(
                            Locale.ROOT,
                            "its agent has yet to be started; %d of %d takeovers in a row did not reach it",
                            unreachableAttempts,
                            policy.unreachableAttempts()),
                    "further takeovers that do not reach it",
                    stuckAt));
        }
        Instant dueAt = machine.agentHeartbeatAt()
                .map(heard -> heard.plus(policy.silentAfterHeartbeat()))
                .orElseGet(() -> machine.agentStarted().get().startedAt().plus(policy.silentAfterStart()));
        if (dueAt.isBefore(now)) {
            return Optional.empty();
        }
        String heard = machine.agentHeartbeatAt()
                .map(at -> "its agent was heard at " + at)
                .orElseGet(() -> "its agent was started at "
                        + machine.agentStarted().get().startedAt() + " and has yet to be heard");
        return Optional.of(no(process, Rule.HEARD, heard, "its agent being silent until then", dueAt));
    }

    private boolean isUnreachable() {
        return unreachableAttempts >= policy.unreachableAttempts();
    }

    private boolean isStuck() {
        return recovery.filter(RecoveryState::isOpen)
                .map(state -> !state.attemptedAt().plus(policy.stuckAfter()).isAfter(now)
                        && MachineQueries.history(dsl, machine.machineId(), 1000).stream()
                                .anyMatch(entry -> entry.process().equals(WorkProcess.AGENT_START)
                                        && entry.event() == WorkEvent.FAILED
                                        && entry.timestamp().isAfter(state.attemptedAt())))
                .orElse(false);
    }

    private Optional<OfProcess> coolingDown() {
        return recovery.map(state -> state.attemptedAt().plus(policy.cooldown()))
                .filter(end -> end.isAfter(now))
                .map(end -> no(
                        WorkProcess.RECOVERY,
                        Rule.COOLDOWN,
                        "it was acted on (%s) at %s"
                                .formatted(
                                        recovery.orElseThrow().action().databaseName(),
                                        recovery.orElseThrow().attemptedAt()),
                        "time",
                        end));
    }

    private Optional<OfProcess> heldBack() {
        ProvidedMachine here = provided;
        if (here == null) {
            return Optional.empty();
        }
        PlannedRecovery plan = RecoveryQueries.plan(dsl, time, here.provider(), policy, true);
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
                    "heartbeats coming back, or releasing the freeze",
                    freeze.get()
                            .calmSince()
                            .map(since -> since.plus(policy.freezeReleaseAfter()))
                            .orElse(null)));
        }
        if (plan.steps().stream().anyMatch(step -> step.machineId().equals(machine.machineId()))) {
            return Optional.empty();
        }
        if (!RecoveryQueries.isLooking(dsl, time, here.provider(), policy)) {
            return Optional.of(no(
                    WorkProcess.RECOVERY,
                    Rule.LOOKING,
                    "recovery has just begun to look, or could not for a while",
                    "its looking for " + Spans.text(policy.freezeReleaseAfter()) + " without a gap",
                    null));
        }
        return Optional.of(no(
                WorkProcess.RECOVERY,
                Rule.LIMIT,
                "%s; it waits for its turn: %s"
                        .formatted(whyDue(), String.join("; ", plan.outlook().heldBack())),
                "machines in recovery being heard again or set aside; or a higher limit",
                null));
    }

    private String whyDue() {
        String why;
        if (machine.agentStarted().isPresent()) {
            why = machine.agentHeartbeatAt()
                    .map(at -> "its agent has been silent since " + at)
                    .orElse("its agent was started and never heard");
        } else {
            why = isUnreachable()
                    ? String.format(Locale.ROOT, "%d takeovers in a row did not reach it", unreachableAttempts)
                    : "it was acted on and has had no agent since";
        }
        int attempts =
                recovery.orElseGet(RecoveryState::none).counted(policy, now).attempts();
        return why + String.format(Locale.ROOT, "; %d attempt(s) so far", attempts);
    }

    private OfProcess eligible(WorkProcess process, String because) {
        return new OfProcess(process, true, Rule.ELIGIBLE, because, "its being claimed", Optional.of(now));
    }

    private static OfProcess no(
            WorkProcess process, Rule rule, String because, String change, @Nullable Instant nextLookAt) {
        return new OfProcess(process, false, rule, because, change, Optional.ofNullable(nextLookAt));
    }
}
