package dev.shepherd.bmdb;

import static dev.shepherd.bmdb.internal.schema.Tables.WORK_SCHEDULE;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Labels;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Transaction;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.bmdb.MachineRecord.Label;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.internal.ProvidedQueries;
import dev.shepherd.bmdb.internal.TagQueries;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.internal.labels.LabelQueries;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jooq.DSLContext;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/**
 * A transaction under a live session. Valid until its body returns, and only on the body's thread.
 *
 * <p>Setting a tag that exists overwrites it; clearing one that does not exist does nothing. All times are the
 * database's.
 */
public final class BmdbTransaction implements Transaction {

    private final Handle handle;
    private final Thread thread = Thread.currentThread();
    private volatile boolean ended;

    BmdbTransaction(Handle handle) {
        this.handle = handle;
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

    /** The body of a transaction that returns nothing. The rules of {@link Body} apply. */
    @FunctionalInterface
    public interface Use {

        /**
         * Reads and writes within the transaction.
         *
         * @throws InterruptedException if the thread is interrupted
         */
        void run(BmdbTransaction transaction) throws InterruptedException;
    }

    /**
     * Returns jOOQ's view of this transaction, for an embedder's own statements. A transaction that is begun on it is
     * a savepoint of this one. Do not commit, roll back or close its connection.
     */
    public DSLContext dsl() {
        return handle().dsl();
    }

    Handle handle() {
        if (ended) {
            throw new IllegalStateException(
                    "the transaction has ended: it is valid until the body that it was given to returns");
        }
        if (Thread.currentThread() != thread) {
            throw new IllegalStateException("the transaction belongs to thread " + thread.getName()
                    + " and cannot be used by " + Thread.currentThread().getName());
        }
        return handle;
    }

    void end() {
        ended = true;
    }

    @Override
    public UUID recordMachine(ProviderType provider, CreateMachineRequest request, Machine machine) {
        MachineInfo info = MachineInfo.copyOf(machine);
        if (!info.id().isValid()) {
            throw new IllegalArgumentException("a machine without a valid id cannot be recorded");
        }
        ProvidedQueries.record(handle(), request.intentId(), provider, info);
        return request.intentId();
    }

    @Override
    public Optional<UUID> findMachine(ProviderType provider, ProviderID id) {
        return MachineQueries.find(handle(), provider, id);
    }

    /**
     * Reads everything about a machine. What others commit meanwhile may show in parts of it; hold the machine's work
     * where that matters.
     */
    public Optional<MachineRecord> machine(UUID machineId) {
        return MachineQueries.machine(handle(), machineId);
    }

    /** Records a machine without any tag, if there is none with this id. */
    public void createMachine(UUID machineId) {
        TagQueries.insertMachine(handle(), machineId);
    }

    /**
     * Makes a machine due for an embedder's own process: {@link Eligibility#scheduled} finds it from then on. If it is
     * scheduled already, the time is moved. Finishing the work takes the schedule back, unless it was made after the
     * work was claimed; failing or giving up keeps it.
     *
     * @param process any but the three shepherd processes
     * @param dueAt when; may be in the past
     * @throws IllegalArgumentException if it is one of the three shepherd processes: what these are due for follows
     *     from the machine's tags
     * @throws BmdbException if there is no such machine
     */
    public void schedule(WorkProcess process, UUID machineId, Instant dueAt) {
        requireOwn(process);
        Handle db = handle();
        WorkQueries.requireMachine(db, machineId);
        var at = DSL.val(dueAt.atOffset(ZoneOffset.UTC));
        db.dsl()
                .insertInto(WORK_SCHEDULE)
                .set(WORK_SCHEDULE.MACHINE_ID, machineId)
                .set(WORK_SCHEDULE.PROCESS, process.name())
                .set(WORK_SCHEDULE.DUE_AT, at)
                .set(WORK_SCHEDULE.SCHEDULED_AT, db.time().moment())
                .onConflict(WORK_SCHEDULE.MACHINE_ID, WORK_SCHEDULE.PROCESS)
                .doUpdate()
                .set(WORK_SCHEDULE.DUE_AT, at)
                .set(WORK_SCHEDULE.SCHEDULED_AT, db.time().moment())
                .execute();
    }

    /** Takes back what {@link #schedule} did, if it did. */
    public void unschedule(WorkProcess process, UUID machineId) {
        requireOwn(process);
        Handle db = handle();
        db.lock(machineId);
        db.dsl()
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
     * Sets the AgentStarted tag, as of now, with the executable that the agent was started from.
     *
     * @param publicKey the agent's ed25519 public key, 32 bytes
     * @param build the executable
     */
    public void putAgentStarted(UUID machineId, byte[] publicKey, AgentBuild build) {
        putAgentStarted(machineId, publicKey);
        TagQueries.putAgentBuild(handle(), machineId, build);
    }

    /**
     * Sets the AgentStarted tags of several machines, as of now, at once. Which executables they were started from is
     * not recorded.
     *
     * @param publicKeys the ed25519 public key of each machine's agent, 32 bytes
     */
    public void putAgentsStarted(Map<UUID, byte[]> publicKeys) {
        publicKeys.values().forEach(key -> {
            if (key.length != 32) {
                throw new IllegalArgumentException("an ed25519 public key has 32 bytes, not " + key.length);
            }
        });
        TagQueries.putAgentsStarted(handle(), publicKeys);
    }

    /** Clears the AgentStarted tag, which makes the machine eligible for agent start again. */
    public void clearAgentStarted(UUID machineId) {
        TagQueries.clearAgentStarted(handle(), machineId);
    }

    /** Sets the AgentHeartbeat tag to now. */
    public void putAgentHeartbeat(UUID machineId) {
        TagQueries.putAgentHeartbeat(handle(), machineId);
    }

    /** Clears the AgentHeartbeat tag. */
    public void clearAgentHeartbeat(UUID machineId) {
        TagQueries.clearAgentHeartbeat(handle(), machineId);
    }

    /** Sets the HardwareReport tag. */
    public void putHardwareReport(UUID machineId, byte[] raw) {
        TagQueries.putHardwareReport(handle(), machineId, raw);
    }

    /** Clears the HardwareReport tag. */
    public void clearHardwareReport(UUID machineId) {
        TagQueries.clearHardwareReport(handle(), machineId);
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
        return TagQueries.requestInstallation(handle(), machineId, raw);
    }

    /** Clears the OSInstallationRequest tag. */
    public void clearInstallationRequest(UUID machineId) {
        TagQueries.clearInstallationRequest(handle(), machineId);
    }

    /** Sets the OSInstallationReport tag. */
    public void putInstallationReport(UUID machineId, long generation, InstallationResult result, byte[] raw) {
        TagQueries.putInstallationReport(handle(), machineId, generation, result, raw);
    }

    /** Clears the OSInstallationReport tag. */
    public void clearInstallationReport(UUID machineId) {
        TagQueries.clearInstallationReport(handle(), machineId);
    }

    /**
     * Pins the SSH host key of a machine.
     *
     * @param hostKey the key as in a known_hosts file: its type and its base64
     */
    public void putSshHostKey(UUID machineId, String hostKey) {
        TagQueries.putSshHostKey(handle(), machineId, hostKey);
    }

    /** Forgets the SSH host key of a machine, so that the next takeover pins the one it finds. */
    public void clearSshHostKey(UUID machineId) {
        TagQueries.clearSshHostKey(handle(), machineId);
    }

    /**
     * Sets labels of a machine, and takes others off, on behalf of a program. A label that an operator has set stays as it
     * is. Where one is taken off, what the provider says under its key is in force again; that itself cannot be taken off.
     *
     * @param set the labels to set, by the rules of {@link Labels}
     * @param remove the keys of the labels to take off
     * @return the keys of the labels that were changed
     * @throws IllegalArgumentException if a label breaks a rule, or if a key is to be both set and taken off
     * @throws BmdbException if there is no such machine, or if it would have more than {@value Labels#MOST} labels that do
     *     not come from its provider
     */
    public Set<String> changeLabels(UUID machineId, Map<String, String> set, Set<String> remove) {
        Map<String, String> copy = LabelQueries.checked(set, remove);
        Handle db = handle();
        WorkQueries.requireMachine(db, machineId);
        return LabelQueries.change(db, machineId, copy, remove, Label.Source.PROGRAM)
                .keySet();
    }

    /**
     * Quarantines a machine: no loop touches it until it is released. If it is quarantined already, its cause stays.
     *
     * @param by who does so, for people
     * @param cause why, for people
     */
    public void quarantine(UUID machineId, String by, String cause) {
        TagQueries.quarantine(handle(), machineId, by, cause);
    }
}
