package dev.shepherd.bmdb;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_HARDWARE_REPORT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REPORT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REQUEST;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_SSH_HOST_KEY;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_SCHEDULE;

import dev.shepherd.api.AlreadyRecordedException;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Transaction;
import java.net.InetAddress;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.jooq.Condition;
import org.jooq.DSLContext;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.Table;
import org.jooq.TableField;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/**
 * A transaction under a live session. Valid until its body returns, and only on the body's thread.
 *
 * <p>Setting a tag that exists overwrites it; clearing one that does not exist does nothing. All times are the
 * database's.
 */
public final class BmdbTransaction implements Transaction {

    private final DSLContext dsl;
    private final DatabaseTime time;
    private final UUID sessionId;
    private final Thread thread = Thread.currentThread();
    private final Set<UUID> locked = new HashSet<>();
    private volatile boolean ended;

    BmdbTransaction(DSLContext dsl, DatabaseTime time, UUID sessionId) {
        this.dsl = dsl;
        this.time = time;
        this.sessionId = sessionId;
    }

    /**
     * The body of a transaction. It may run more than once and must have no effect outside of the transaction.
     *
     * @param <T> what it returns
     */
    @FunctionalInterface
    public interface Body<T extends @Nullable Object> {

        /**
         * Reads and writes within the transaction.
         *
         * @throws InterruptedException if the thread is interrupted
         */
        T run(BmdbTransaction transaction) throws InterruptedException;
    }

    /**
     * Returns jOOQ's view of this transaction, for an embedder's own statements. A transaction that is begun on it is
     * a savepoint of this one. Do not commit, roll back or close its connection.
     */
    public DSLContext dsl() {
        return context();
    }

    DSLContext context() {
        if (ended) {
            throw new IllegalStateException(
                    "the transaction has ended: it is valid until the body that it was given to returns");
        }
        if (Thread.currentThread() != thread) {
            throw new IllegalStateException("the transaction belongs to thread " + thread.getName()
                    + " and cannot be used by " + Thread.currentThread().getName());
        }
        return dsl;
    }

    DatabaseTime time() {
        return time;
    }

    void end() {
        ended = true;
    }

    /**
     * Keeps others from changing what a machine is due for until the transaction ends. Whoever writes a tag does so
     * sooner or later: the database takes this lock when it brings the queue up to date. Taken before the tag's own
     * row, it cannot be taken crosswise with whoever ends work on the machine.
     */
    void lock(UUID machineId) {
        lock(List.of(machineId));
    }

    private void lock(List<UUID> machineIds) {
        UUID[] free = machineIds.stream().filter(locked::add).toArray(UUID[]::new);
        if (free.length > 0) {
            WorkQueries.lockMachines(context(), free);
        }
    }

    /** Notes that the machine is locked already. */
    void holds(UUID machineId) {
        locked.add(machineId);
    }

    @Override
    public UUID recordMachine(ProviderType provider, CreateMachineRequest request, Machine machine) {
        if (!machine.id().isValid()) {
            throw new IllegalArgumentException("a machine without a valid id cannot be recorded");
        }
        MachineInfo checked = MachineInfo.copyOf(machine);
        UUID machineId = request.intentId();
        boolean created = insertMachine(machineId);
        if (!insertProvided(machineId, provider, checked)) {
            try {
                requireSame(machineId, provider, checked.id());
            } catch (AlreadyRecordedException e) {
                if (created) {
                    // Also if the caller goes on with the transaction, there must be no trace of the machine.
                    clear(MACHINES, MACHINES.MACHINE_ID, machineId);
                }
                throw e;
            }
        }
        IntentQueries.delete(context(), machineId);
        return machineId;
    }

    private boolean insertProvided(UUID machineId, ProviderType provider, MachineInfo machine) {
        return context()
                        .insertInto(MACHINE_PROVIDED)
                        .set(MACHINE_PROVIDED.MACHINE_ID, machineId)
                        .set(MACHINE_PROVIDED.PROVIDER, provider.name())
                        .set(MACHINE_PROVIDED.PROVIDER_ID, machine.id().value())
                        .set(ProviderColumns.of(machine))
                        .onConflictDoNothing()
                        .execute()
                == 1;
    }

    private void requireSame(UUID machineId, ProviderType provider, ProviderID id) {
        Optional<UUID> owner = findMachine(provider, id);
        if (owner.isEmpty()) {
            throw new AlreadyRecordedException("intent " + machineId + " has already become another machine than " + id
                    + " of provider " + provider);
        }
        if (!owner.get().equals(machineId)) {
            throw new AlreadyRecordedException("machine " + id + " of provider " + provider + " is already recorded as "
                    + owner.get() + " and cannot become " + machineId);
        }
    }

    @Override
    public Optional<UUID> findMachine(ProviderType provider, ProviderID id) {
        return MachineQueries.find(context(), provider, id);
    }

    /**
     * Reads everything about a machine. What others commit meanwhile may show in parts of it; hold the machine's work
     * where that matters.
     */
    public Optional<MachineRecord> machine(UUID machineId) {
        return MachineQueries.machine(context(), time, machineId);
    }

    /** Records a machine without any tag, if there is none with this id. */
    public void createMachine(UUID machineId) {
        insertMachine(machineId);
    }

    private boolean insertMachine(UUID machineId) {
        return context()
                        .insertInto(MACHINES)
                        .set(MACHINES.MACHINE_ID, machineId)
                        .set(MACHINES.MACHINE_CREATED_AT, time.now())
                        .onConflictDoNothing()
                        .execute()
                == 1;
    }

    /**
     * Overwrites what the MachineProvided tag says of address, port, location, reservation and status with what
     * the provider says now; what the provider does not say is cleared.
     *
     * @return false if the machine has no such tag for this provider and this id
     */
    public boolean updateProvided(ProviderType provider, Machine machine) {
        var locked = DSL.select(MACHINES.MACHINE_ID)
                .from(MACHINES)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .where(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .and(MACHINE_PROVIDED.PROVIDER_ID.eq(machine.id().value()))
                .forNoKeyUpdate()
                .of(MACHINES)
                .asTable("locked");
        return context()
                        .update(MACHINE_PROVIDED)
                        .set(ProviderColumns.of(MachineInfo.copyOf(machine)))
                        .from(locked)
                        .where(MACHINE_PROVIDED.MACHINE_ID.eq(locked.field(MACHINES.MACHINE_ID)))
                        .and(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                        .and(MACHINE_PROVIDED.PROVIDER_ID.eq(machine.id().value()))
                        .execute()
                == 1;
    }

    /**
     * Makes a machine due for a process of an embedder's own: {@link Eligibility#scheduled} finds it from then on. If it
     * is scheduled already, the time is moved. Finishing the work takes the schedule back, unless it was made after the
     * work was claimed; failing or giving up keeps it.
     *
     * @param process any but the three shepherd processes
     * @param dueAt when; may be in the past
     * @throws IllegalArgumentException if it is one of the three shepherd processes: what these are due for follows from
     *     the machine's tags
     * @throws BmdbException if there is no such machine
     */
    public void schedule(WorkProcess process, UUID machineId, Instant dueAt) {
        requireOwn(process);
        if (WorkQueries.lockMachines(context(), machineId) == 0) {
            throw new BmdbException("there is no machine " + machineId, null, null);
        }
        var at = DSL.val(dueAt.atOffset(ZoneOffset.UTC));
        context()
                .insertInto(WORK_SCHEDULE)
                .set(WORK_SCHEDULE.MACHINE_ID, machineId)
                .set(WORK_SCHEDULE.PROCESS, process.name())
                .set(WORK_SCHEDULE.DUE_AT, at)
                .set(WORK_SCHEDULE.SCHEDULED_AT, time.moment())
                .onConflict(WORK_SCHEDULE.MACHINE_ID, WORK_SCHEDULE.PROCESS)
                .doUpdate()
                .set(WORK_SCHEDULE.DUE_AT, at)
                .set(WORK_SCHEDULE.SCHEDULED_AT, time.moment())
                .execute();
    }

    /** Takes back what {@link #schedule} did, if it did. */
    public void unschedule(WorkProcess process, UUID machineId) {
        requireOwn(process);
        lock(machineId);
        context()
                .deleteFrom(WORK_SCHEDULE)
                .where(WORK_SCHEDULE.MACHINE_ID.eq(machineId))
                .and(WORK_SCHEDULE.PROCESS.eq(process.name()))
                .execute();
    }

    private static void requireOwn(WorkProcess process) {
        if (process.isShepherds()) {
            throw new IllegalArgumentException(
                    process + " cannot be scheduled: what it is due for follows from a machine's tags");
        }
    }

    /**
     * Sets the AgentStarted tag, as of now.
     *
     * @param publicKey the agent's ed25519 public key, 32 bytes
     */
    public void putAgentStarted(UUID machineId, byte[] publicKey) {
        putAgentsStarted(Map.of(machineId, publicKey));
    }

    /**
     * Sets the AgentStarted tags of several machines, as of now, at once.
     *
     * @param publicKeys the ed25519 public key of each machine's agent, 32 bytes
     */
    public void putAgentsStarted(Map<UUID, byte[]> publicKeys) {
        publicKeys.values().forEach(key -> {
            if (key.length != 32) {
                throw new IllegalArgumentException("an ed25519 public key has 32 bytes, not " + key.length);
            }
        });
        UUID[] machineIds = publicKeys.keySet().stream().sorted().toArray(UUID[]::new);
        byte[][] keys = Stream.of(machineIds).map(publicKeys::get).toArray(byte[][]::new);
        lock(List.of(machineIds));
        new PreparedSql<>(
                        "insert into machine_agent_started (machine_id, agent_started_at, agent_public_key)"
                                + " select started.machine_id, " + time.sqlNow() + ", started.agent_public_key"
                                + " from unnest(?, ?) as started (machine_id, agent_public_key)"
                                + " on conflict (machine_id) do update set"
                                + " agent_started_at = excluded.agent_started_at,"
                                + " agent_public_key = excluded.agent_public_key"
                                + " returning true",
                        row -> true,
                        machineIds,
                        keys)
                .fetch(context());
    }

    /** Clears the AgentStarted tag, which makes the machine eligible for agent start again. */
    public void clearAgentStarted(UUID machineId) {
        clear(MACHINE_AGENT_STARTED, MACHINE_AGENT_STARTED.MACHINE_ID, machineId);
    }

    /** Sets the AgentHeartbeat tag to now. */
    public void putAgentHeartbeat(UUID machineId) {
        context()
                .insertInto(MACHINE_AGENT_HEARTBEAT)
                .set(MACHINE_AGENT_HEARTBEAT.MACHINE_ID, machineId)
                .set(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT, time.now())
                .onConflict(MACHINE_AGENT_HEARTBEAT.MACHINE_ID)
                .doUpdate()
                .set(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT, time.now())
                .execute();
    }

    /** Clears the AgentHeartbeat tag. */
    public void clearAgentHeartbeat(UUID machineId) {
        clear(MACHINE_AGENT_HEARTBEAT, MACHINE_AGENT_HEARTBEAT.MACHINE_ID, machineId);
    }

    /** Sets the HardwareReport tag. */
    public void putHardwareReport(UUID machineId, byte[] raw) {
        // An update to the same content would write all of it again, to the table and to the log.
        if (context()
                .fetchExists(
                        MACHINE_HARDWARE_REPORT,
                        MACHINE_HARDWARE_REPORT.MACHINE_ID.eq(machineId),
                        HeartbeatQueries.holds(MACHINE_HARDWARE_REPORT.HARDWARE_REPORT_RAW, raw))) {
            return;
        }
        context()
                .insertInto(MACHINE_HARDWARE_REPORT)
                .set(MACHINE_HARDWARE_REPORT.MACHINE_ID, machineId)
                .set(MACHINE_HARDWARE_REPORT.HARDWARE_REPORT_RAW, raw)
                .onConflict(MACHINE_HARDWARE_REPORT.MACHINE_ID)
                .doUpdate()
                .set(MACHINE_HARDWARE_REPORT.HARDWARE_REPORT_RAW, raw)
                .execute();
    }

    /** Clears the HardwareReport tag. */
    public void clearHardwareReport(UUID machineId) {
        clear(MACHINE_HARDWARE_REPORT, MACHINE_HARDWARE_REPORT.MACHINE_ID, machineId);
    }

    /**
     * Asks for an installation: sets the OSInstallationRequest tag with the next generation, which is 1 for the
     * first. It is higher than that of any request before, also of one that was cleared, and of any report, so that no
     * other report can fulfill it.
     *
     * @return the generation
     * @throws BmdbException if there is no such machine
     */
    public long requestInstallation(UUID machineId, byte[] raw) {
        long generation = context()
                .update(MACHINES)
                .set(
                        MACHINES.OS_INSTALLATION_GENERATION,
                        DSL.greatest(
                                        MACHINES.OS_INSTALLATION_GENERATION,
                                        highest(
                                                MACHINE_OS_INSTALLATION_REQUEST.GENERATION,
                                                MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID.eq(machineId)),
                                        highest(
                                                MACHINE_OS_INSTALLATION_REPORT.GENERATION,
                                                MACHINE_OS_INSTALLATION_REPORT.MACHINE_ID.eq(machineId)))
                                .plus(1))
                .where(MACHINES.MACHINE_ID.eq(machineId))
                .returningResult(MACHINES.OS_INSTALLATION_GENERATION)
                .fetchOptional(MACHINES.OS_INSTALLATION_GENERATION)
                .orElseThrow(() -> new BmdbException("there is no machine " + machineId, null, null));
        context()
                .insertInto(MACHINE_OS_INSTALLATION_REQUEST)
                .set(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID, machineId)
                .set(MACHINE_OS_INSTALLATION_REQUEST.GENERATION, generation)
                .set(MACHINE_OS_INSTALLATION_REQUEST.OS_INSTALLATION_REQUEST_RAW, raw)
                .onConflict(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID)
                .doUpdate()
                .set(MACHINE_OS_INSTALLATION_REQUEST.GENERATION, generation)
                .set(MACHINE_OS_INSTALLATION_REQUEST.OS_INSTALLATION_REQUEST_RAW, raw)
                .execute();
        return generation;
    }

    private static Field<Long> highest(TableField<?, Long> generation, Condition which) {
        return DSL.coalesce(
                DSL.field(DSL.select(generation).from(generation.getTable()).where(which)), DSL.inline(0L));
    }

    /** Clears the OSInstallationRequest tag. */
    public void clearInstallationRequest(UUID machineId) {
        clear(MACHINE_OS_INSTALLATION_REQUEST, MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID, machineId);
    }

    /** Sets the OSInstallationReport tag. */
    public void putInstallationReport(UUID machineId, long generation, InstallationResult result, byte[] raw) {
        lock(machineId);
        context()
                .insertInto(MACHINE_OS_INSTALLATION_REPORT)
                .set(MACHINE_OS_INSTALLATION_REPORT.MACHINE_ID, machineId)
                .set(MACHINE_OS_INSTALLATION_REPORT.GENERATION, generation)
                .set(MACHINE_OS_INSTALLATION_REPORT.OS_INSTALLATION_RESULT, result.databaseName())
                .set(MACHINE_OS_INSTALLATION_REPORT.OS_INSTALLATION_REPORT_RAW, raw)
                .onConflict(MACHINE_OS_INSTALLATION_REPORT.MACHINE_ID)
                .doUpdate()
                .set(MACHINE_OS_INSTALLATION_REPORT.GENERATION, generation)
                .set(MACHINE_OS_INSTALLATION_REPORT.OS_INSTALLATION_RESULT, result.databaseName())
                .set(MACHINE_OS_INSTALLATION_REPORT.OS_INSTALLATION_REPORT_RAW, raw)
                .execute();
    }

    /** Clears the OSInstallationReport tag. */
    public void clearInstallationReport(UUID machineId) {
        clear(MACHINE_OS_INSTALLATION_REPORT, MACHINE_OS_INSTALLATION_REPORT.MACHINE_ID, machineId);
    }

    /**
     * Pins the SSH host key of a machine.
     *
     * @param hostKey the key as in a known_hosts file: its type and its base64
     */
    public void putSshHostKey(UUID machineId, String hostKey) {
        context()
                .insertInto(MACHINE_SSH_HOST_KEY)
                .set(MACHINE_SSH_HOST_KEY.MACHINE_ID, machineId)
                .set(MACHINE_SSH_HOST_KEY.SSH_HOST_KEY, hostKey)
                .set(MACHINE_SSH_HOST_KEY.SSH_HOST_KEY_SET_AT, time.now())
                .onConflict(MACHINE_SSH_HOST_KEY.MACHINE_ID)
                .doUpdate()
                .set(MACHINE_SSH_HOST_KEY.SSH_HOST_KEY, hostKey)
                .set(MACHINE_SSH_HOST_KEY.SSH_HOST_KEY_SET_AT, time.now())
                .execute();
    }

    /** Forgets the SSH host key of a machine, so that the next takeover pins the one it finds. */
    public void clearSshHostKey(UUID machineId) {
        clear(MACHINE_SSH_HOST_KEY, MACHINE_SSH_HOST_KEY.MACHINE_ID, machineId);
    }

    /**
     * Notes that a takeover did not reach the machine's SSH server. After a few of them in a row the machine is
     * recovered, see {@link RecoveryPolicy#unreachableAttempts()}.
     */
    public void countUnreachable(UUID machineId) {
        lock(machineId);
        RecoveryQueries.countUnreachable(context(), time, machineId);
    }

    /** Notes that a takeover did reach the machine's SSH server. */
    public void clearUnreachable(UUID machineId) {
        lock(machineId);
        RecoveryQueries.forgetUnreachable(context(), machineId);
    }

    /** Reads what was tried to bring a machine back; empty if nothing was. */
    public Optional<RecoveryState> recovery(UUID machineId) {
        return RecoveryQueries.state(context(), machineId);
    }

    /**
     * Notes that a machine is about to be acted on, if it is still to be: not if its agent was heard meanwhile, if
     * recovery was frozen or paused, or if the cooldown of another attempt runs. To be called in the work that holds
     * the machine, immediately before the provider.
     *
     * <p>A reinstallation ends all that is known of the machine's disks: AgentStarted and AgentHeartbeat, the SSH host key and
     * the OSInstallationReport are cleared already now, so that no report of the agent that is about to be wiped is taken
     * any more. {@link #recoveryRefused} and {@link #recoveryNotTried} put them back.
     *
     * @param provider the machine's provider
     * @param action what is about to be done: anything but {@link RecoveryAction#QUARANTINE}
     * @return the attempt; empty if the machine is to be left alone
     */
    public Optional<RecoveryAttempt> beginRecovery(
            ProviderType provider, RecoveryPolicy policy, UUID machineId, RecoveryAction action) {
        lock(machineId);
        return RecoveryQueries.isStillDue(context(), time, provider, policy, machineId)
                ? Optional.of(begin(policy, machineId, action))
                : Optional.empty();
    }

    /**
     * Notes that a machine is about to be acted on because a person wants it, whatever its agent does. Otherwise like
     * {@link #beginRecovery}. To be called in the work that holds the machine, immediately before the provider.
     *
     * @param action {@link RecoveryAction#REBOOT} or {@link RecoveryAction#REINSTALL}
     */
    public RecoveryAttempt beginIntervention(RecoveryPolicy policy, UUID machineId, RecoveryAction action) {
        lock(machineId);
        return begin(policy, machineId, action);
    }

    private RecoveryAttempt begin(RecoveryPolicy policy, UUID machineId, RecoveryAction action) {
        Optional<RecoveryState> before = recovery(machineId);
        RecoveryState counted = countedRecovery(policy, machineId);
        boolean reinstall = action == RecoveryAction.REINSTALL;
        RecoveryQueries.begin(
                context(),
                time,
                machineId,
                new RecoveryState(
                        action,
                        counted.attemptedAt(),
                        true,
                        counted.attempts() + (reinstall ? 0 : 1),
                        counted.reinstalls() + (reinstall ? 1 : 0),
                        counted.failedCalls(),
                        Optional.empty()));
        if (reinstall) {
            // Should this process end now, it is as after a call of unknown outcome.
            leaveTimeToBoot(policy, machineId, action);
        }
        return new RecoveryAttempt(
                machineId,
                action,
                before,
                counted,
                reinstall ? WipedTags.delete(context(), machineId) : WipedTags.NONE);
    }

    /** Returns what counts against a machine now, which is nothing if it was back for long enough. */
    public RecoveryState countedRecovery(RecoveryPolicy policy, UUID machineId) {
        return recovery(machineId).orElseGet(RecoveryState::none).counted(policy, MachineQueries.now(context(), time));
    }

    /**
     * Tells whether a machine that is held for recovery is still to be acted on: not if its agent was heard meanwhile, if
     * recovery was frozen or paused, or if the cooldown of another attempt runs.
     */
    public boolean isRecoveryDue(ProviderType provider, RecoveryPolicy policy, UUID machineId) {
        return RecoveryQueries.isStillDue(context(), time, provider, policy, machineId);
    }

    /**
     * Makes the agent start anew on a machine that was acted on: clears AgentStarted and AgentHeartbeat, and keeps the
     * initializer off until the machine has booted. After a reinstallation its SSH host key and the OSInstallationReport are
     * cleared as well; an installation that was fulfilled is pending again.
     *
     * <p>A rebooted machine with a fulfilled installation keeps its tags, since no agent is started on it again, and it is
     * not in recovery either.
     *
     * @param callFailed whether the provider failed the call, so that it is unknown whether it did anything
     */
    public void restartTakeover(RecoveryPolicy policy, UUID machineId, RecoveryAction action, boolean callFailed) {
        lock(machineId);
        if (action != RecoveryAction.REINSTALL && isInstallationFulfilled(machineId)) {
            RecoveryQueries.end(context(), time, machineId, callFailed);
            RecoveryQueries.prove(context(), time, machineId);
            return;
        }
        if (action == RecoveryAction.REINSTALL) {
            WipedTags.delete(context(), machineId);
        } else {
            // In this order: an agent is heard only while it is started.
            clearAgentStarted(machineId);
            clearAgentHeartbeat(machineId);
        }
        clearUnreachable(machineId);
        WorkQueries.clearBackoff(context(), WorkProcess.AGENT_START, machineId);
        if (action != RecoveryAction.AGENT_RESTART) {
            leaveTimeToBoot(policy, machineId, action);
        }
        RecoveryQueries.end(context(), time, machineId, callFailed);
        UpdateQueries.checkSoon(context(), time, machineId);
    }

    private boolean isInstallationFulfilled(UUID machineId) {
        return context()
                .fetchExists(MACHINES, MACHINES.MACHINE_ID.eq(machineId).and(Eligibility.installationFulfilled()));
    }

    private void leaveTimeToBoot(RecoveryPolicy policy, UUID machineId, RecoveryAction action) {
        if (policy.bootTime().toSeconds() > 0) {
            WorkQueries.backOff(
                    context(),
                    time,
                    WorkProcess.AGENT_START,
                    machineId,
                    Backoff.constant(policy.bootTime()),
                    "the machine was acted on (" + action.databaseName() + ") and is given time to boot",
                    0);
        }
    }

    /**
     * Notes that the provider refused to act on a machine, which counts against it as a failed call. Its agent is heard
     * again.
     */
    public void recoveryRefused(RecoveryAttempt attempt) {
        lock(attempt.machineId());
        // Not what had been proved too long ago to count: the machine is in recovery from now on.
        RecoveryQueries.uncount(context(), attempt.machineId(), attempt.counted());
        putBack(attempt);
    }

    /** Notes that the provider did not even look at a machine: all is as if it had not been asked. */
    public void recoveryNotTried(RecoveryAttempt attempt) {
        lock(attempt.machineId());
        RecoveryQueries.restore(context(), attempt.machineId(), attempt.before());
        putBack(attempt);
    }

    private void putBack(RecoveryAttempt attempt) {
        if (attempt.action() == RecoveryAction.REINSTALL) {
            WorkQueries.clearBackoff(context(), WorkProcess.AGENT_START, attempt.machineId());
            attempt.wiped().putBack(context());
        }
    }

    /**
     * Sets a machine aside: no loop touches it until it is released. If it is already, its cause stays.
     *
     * @param by who does so, for people
     * @param cause why, for people
     */
    public void quarantine(UUID machineId, String by, String cause) {
        lock(machineId);
        RecoveryQueries.quarantine(context(), time, machineId, by, WorkQueries.shorten(cause));
    }

    /**
     * Returns how often a process has failed on a machine, with a backoff, since it last finished there or the machine was
     * released.
     */
    public int failuresInARow(WorkProcess process, UUID machineId) {
        return WorkQueries.failuresInARow(context(), process, machineId);
    }

    /**
     * Takes machines of a provider whose description is due to be looked at; nobody else gets them for a minute.
     *
     * @param limit how many at most, 1 to 10,000
     */
    public List<ProviderCheck> takeProviderChecks(ProviderType provider, int limit) {
        if (limit < 1 || limit > 10_000) {
            throw new IllegalArgumentException("the limit of checks is from 1 to 10000, not " + limit);
        }
        return UpdateQueries.take(context(), time, provider, limit);
    }

    /**
     * Reads what is recorded of some machines of a provider, and keeps others from changing that until the transaction
     * ends. Those that are not recorded are left out.
     *
     * @param ids the provider's ids; a thousand at a time are read well
     */
    public List<ProviderCheck> lockProviderChecks(ProviderType provider, Collection<ProviderID> ids) {
        return UpdateQueries.lock(context(), time, provider, ids);
    }

    /**
     * Takes the descriptions of machines for settled: they are never due, until something is noted of a machine again.
     * For providers whose whole listing is compared now and then; for others see {@link #recallProviderChecks}.
     */
    public void restProviderChecks(Collection<UUID> machineIds) {
        UpdateQueries.rest(context(), machineIds);
    }

    /**
     * Gives machines at rest a time again, for a provider whose machines are asked for one by one.
     *
     * @param delay when they are looked at
     * @param limit how many machines at most, at least 1
     * @return how many there were; fewer than the limit if none is left
     */
    public int recallProviderChecks(ProviderType provider, Duration delay, int limit) {
        return UpdateQueries.recall(context(), time, provider, delay, limit);
    }

    /** Sets when the descriptions of machines are looked at next. */
    public void checkProvidedAfter(Collection<UUID> machineIds, Duration delay) {
        UpdateQueries.checkAfter(context(), time, machineIds, delay);
    }

    /** Sets when machines are looked at again that the provider could not describe, and counts that. */
    public void checkFailedAfter(Collection<UUID> machineIds, Duration delay) {
        UpdateQueries.checkFailed(context(), time, machineIds, delay);
    }

    /** Notes that the provider no longer knows a machine. */
    public void markMissing(UUID machineId) {
        lock(machineId);
        UpdateQueries.markMissing(context(), machineId);
    }

    /**
     * Counts an attempt to carry out an intent, before the provider is asked.
     *
     * @return false if the intent is gone, or no longer held by this session
     */
    public boolean attemptIntent(UUID intentId) {
        return IntentQueries.attempt(context(), sessionId, intentId);
    }

    /** Records why an intent could not be carried out, and when to try again. The session keeps it. */
    public void postponeIntent(UUID intentId, Duration delay, String error) {
        IntentQueries.postpone(context(), time, sessionId, intentId, delay, error);
    }

    /** Ends an intent of which the provider is sure that nothing was made. */
    public void dropIntent(UUID intentId) {
        IntentQueries.delete(context(), intentId);
    }

    private <R extends Record> void clear(Table<R> table, TableField<R, UUID> key, UUID machineId) {
        lock(machineId);
        context().deleteFrom(table).where(key.eq(machineId)).execute();
    }

    /** The columns of MachineProvided that a provider may change. */
    private static final class ProviderColumns {

        private ProviderColumns() {}

        static Map<TableField<?, ?>, @Nullable Object> of(MachineInfo machine) {
            Map<TableField<?, ?>, @Nullable Object> columns = new LinkedHashMap<>();
            columns.put(
                    MACHINE_PROVIDED.PROVIDER_RESERVATION_ID,
                    machine.reservationId().orElse(null));
            columns.put(
                    MACHINE_PROVIDED.PROVIDER_IP_ADDRESS,
                    machine.address().map(ProviderColumns::literal).orElse(null));
            columns.put(
                    MACHINE_PROVIDED.PROVIDER_SSH_PORT,
                    machine.sshPort().isPresent() ? machine.sshPort().getAsInt() : null);
            columns.put(MACHINE_PROVIDED.PROVIDER_LOCATION, machine.location().orElse(null));
            columns.put(
                    MACHINE_PROVIDED.PROVIDER_STATUS,
                    machine.status().map(ProviderStatus::databaseName).orElse(null));
            columns.put(MACHINE_PROVIDED.PROVIDER_FAILED, ProvidedMachine.isFailed(machine));
            return columns;
        }

        /** The address without the name of a network interface, which no other host would understand. */
        private static String literal(InetAddress address) {
            String literal = address.getHostAddress();
            int scope = literal.indexOf('%');
            return scope < 0 ? literal : literal.substring(0, scope);
        }
    }
}
