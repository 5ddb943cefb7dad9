package dev.shepherd.bmdb.internal;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_DISRUPTION;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_HARDWARE_REPORT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_LABELS;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REPORT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REQUEST;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_QUARANTINE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_ROLLOUT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_SILENCE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_SSH_HOST_KEY;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_UNREACHABLE;

import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.internal.hardware.HardwareQueries;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.TableField;
import org.jooq.impl.DSL;

/**
 * The statements that set and clear the tags of a machine. Each that changes what a machine is due for locks the
 * machine first.
 */
public final class TagQueries {

    private static final List<TableField<?, UUID>> TAGS = List.of(
            MACHINE_PROVIDED.MACHINE_ID,
            MACHINE_AGENT_STARTED.MACHINE_ID,
            MACHINE_AGENT_HEARTBEAT.MACHINE_ID,
            MACHINE_HARDWARE_REPORT.MACHINE_ID,
            MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID,
            MACHINE_OS_INSTALLATION_REPORT.MACHINE_ID,
            MACHINE_SSH_HOST_KEY.MACHINE_ID,
            MACHINE_UNREACHABLE.MACHINE_ID,
            MACHINE_RECOVERY.MACHINE_ID,
            MACHINE_SILENCE.MACHINE_ID,
            MACHINE_ROLLOUT.MACHINE_ID,
            MACHINE_DISRUPTION.MACHINE_ID,
            MACHINE_QUARANTINE.MACHINE_ID,
            MACHINE_LABELS.MACHINE_ID);

    private TagQueries() {}

    /** Records a machine without any tag. Returns false if there is one with this id. */
    public static boolean insertMachine(Handle db, UUID machineId) {
        return db.dsl()
                        .insertInto(MACHINES)
                        .set(MACHINES.MACHINE_ID, machineId)
                        .set(MACHINES.MACHINE_CREATED_AT, db.time().now())
                        .onConflictDoNothing()
                        .execute()
                == 1;
    }

    /** Deletes a machine and all its tags. */
    public static void deleteMachine(Handle db, UUID machineId) {
        leaveRollout(db, machineId);
        TAGS.forEach(tag -> clear(db, tag, machineId));
        clear(db, MACHINES.MACHINE_ID, machineId);
    }

    /** Takes a machine out of the counts of its rollout, unless that is done with it. */
    private static void leaveRollout(Handle db, UUID machineId) {
        db.lock(machineId);
        db.dsl()
                .execute(
                        "update rollouts set rollout_machines = rollout_machines - 1,"
                                + " rollout_passed = rollout_passed - (o.rollout_step = 'Passed')::int"
                                + " from machine_rollout o where o.machine_id = {0} and o.rollout_step <> 'Done'"
                                + " and rollouts.rollout_id = o.rollout_id",
                        DSL.val(machineId));
    }

    public static void putAgentsStarted(Handle db, Map<UUID, byte[]> publicKeys) {
        UUID[] machineIds = publicKeys.keySet().stream().sorted().toArray(UUID[]::new);
        byte[][] keys = Stream.of(machineIds).map(publicKeys::get).toArray(byte[][]::new);
        db.lock(List.of(machineIds));
        new PreparedSql<>(
                        "insert into machine_agent_started (machine_id, agent_started_at, agent_public_key)"
                                + " select started.machine_id, " + db.time().sqlNow() + ", started.agent_public_key"
                                + " from unnest(?, ?) as started (machine_id, agent_public_key)"
                                + " on conflict (machine_id) do update set"
                                + " agent_started_at = excluded.agent_started_at,"
                                + " agent_public_key = excluded.agent_public_key,"
                                + " agent_sha256 = null, agent_version = null"
                                + " returning true",
                        row -> true,
                        machineIds,
                        keys)
                .fetch(db);
        for (UUID machineId : machineIds) {
            db.tell(EventKind.TAKEN_OVER, machineId, Map.of());
        }
    }

    /** Notes which executable a started agent is of. */
    public static void putAgentBuild(Handle db, UUID machineId, AgentBuild build) {
        db.dsl()
                .update(MACHINE_AGENT_STARTED)
                .set(MACHINE_AGENT_STARTED.AGENT_SHA256, HexFormat.of().parseHex(build.sha256()))
                .set(MACHINE_AGENT_STARTED.AGENT_VERSION, build.version().orElse(null))
                .where(MACHINE_AGENT_STARTED.MACHINE_ID.eq(machineId))
                .execute();
    }

    /** Returns false if there was none. */
    public static boolean clearAgentStarted(Handle db, UUID machineId) {
        return clear(db, MACHINE_AGENT_STARTED.MACHINE_ID, machineId);
    }

    public static void putAgentHeartbeat(Handle db, UUID machineId) {
        db.lock(machineId);
        if (!db.dsl().fetchExists(MACHINE_AGENT_HEARTBEAT, MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(machineId))) {
            db.tell(EventKind.FIRST_HEARD, machineId, Map.of());
        }
        db.dsl()
                .insertInto(MACHINE_AGENT_HEARTBEAT)
                .set(MACHINE_AGENT_HEARTBEAT.MACHINE_ID, machineId)
                .set(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT, db.time().now())
                .onConflict(MACHINE_AGENT_HEARTBEAT.MACHINE_ID)
                .doUpdate()
                .set(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT, db.time().now())
                .execute();
    }

    public static void clearAgentHeartbeat(Handle db, UUID machineId) {
        clear(db, MACHINE_AGENT_HEARTBEAT.MACHINE_ID, machineId);
    }

    public static void putHardwareReport(Handle db, UUID machineId, byte[] raw) {
        HardwareQueries.put(db, machineId, raw);
    }

    /** Compares by digests: the content is mostly the same, and large, and need not travel to the database for it. */
    public static Condition holds(Field<byte[]> column, byte[] content) {
        try {
            return DSL.condition(
                    "sha256({0}) = {1}",
                    column, DSL.val(MessageDigest.getInstance("SHA-256").digest(content)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    public static void clearHardwareReport(Handle db, UUID machineId) {
        clear(db, MACHINE_HARDWARE_REPORT.MACHINE_ID, machineId);
    }

    /** Returns the generation of the request, which is higher than that of any request or report before. */
    public static long requestInstallation(Handle db, UUID machineId, byte[] raw) {
        long generation = db.dsl()
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
        db.dsl()
                .insertInto(MACHINE_OS_INSTALLATION_REQUEST)
                .set(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID, machineId)
                .set(MACHINE_OS_INSTALLATION_REQUEST.GENERATION, generation)
                .set(MACHINE_OS_INSTALLATION_REQUEST.OS_INSTALLATION_REQUEST_RAW, raw)
                .onConflict(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID)
                .doUpdate()
                .set(MACHINE_OS_INSTALLATION_REQUEST.GENERATION, generation)
                .set(MACHINE_OS_INSTALLATION_REQUEST.OS_INSTALLATION_REQUEST_RAW, raw)
                .execute();
        db.tell(EventKind.INSTALLATION_REQUESTED, machineId, Map.of("generation", String.valueOf(generation)));
        return generation;
    }

    private static Field<Long> highest(TableField<?, Long> generation, Condition which) {
        return DSL.coalesce(
                DSL.field(DSL.select(generation).from(generation.getTable()).where(which)), DSL.inline(0L));
    }

    /** Returns false if there was none. */
    public static boolean clearInstallationRequest(Handle db, UUID machineId) {
        return clear(db, MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID, machineId);
    }

    public static void putInstallationReport(
            Handle db, UUID machineId, long generation, InstallationResult result, byte[] raw) {
        db.lock(machineId);
        db.dsl()
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
        db.tell(
                EventKind.INSTALLATION_REPORTED,
                machineId,
                Map.of("generation", String.valueOf(generation), "result", result.databaseName()));
    }

    public static void clearInstallationReport(Handle db, UUID machineId) {
        clear(db, MACHINE_OS_INSTALLATION_REPORT.MACHINE_ID, machineId);
    }

    public static void putSshHostKey(Handle db, UUID machineId, String hostKey) {
        db.dsl()
                .insertInto(MACHINE_SSH_HOST_KEY)
                .set(MACHINE_SSH_HOST_KEY.MACHINE_ID, machineId)
                .set(MACHINE_SSH_HOST_KEY.SSH_HOST_KEY, hostKey)
                .set(MACHINE_SSH_HOST_KEY.SSH_HOST_KEY_SET_AT, db.time().now())
                .onConflict(MACHINE_SSH_HOST_KEY.MACHINE_ID)
                .doUpdate()
                .set(MACHINE_SSH_HOST_KEY.SSH_HOST_KEY, hostKey)
                .set(MACHINE_SSH_HOST_KEY.SSH_HOST_KEY_SET_AT, db.time().now())
                .execute();
    }

    public static void clearSshHostKey(Handle db, UUID machineId) {
        clear(db, MACHINE_SSH_HOST_KEY.MACHINE_ID, machineId);
    }

    /** Clears the SSH host key. Returns the one that was pinned. */
    public static Optional<String> takeSshHostKey(Handle db, UUID machineId) {
        db.lock(machineId);
        return db.dsl()
                .deleteFrom(MACHINE_SSH_HOST_KEY)
                .where(MACHINE_SSH_HOST_KEY.MACHINE_ID.eq(machineId))
                .returning(MACHINE_SSH_HOST_KEY.SSH_HOST_KEY)
                .fetchOptional(MACHINE_SSH_HOST_KEY.SSH_HOST_KEY);
    }

    public static void countUnreachable(Handle db, UUID machineId) {
        db.lock(machineId);
        db.dsl()
                .insertInto(MACHINE_UNREACHABLE)
                .set(MACHINE_UNREACHABLE.MACHINE_ID, machineId)
                .set(MACHINE_UNREACHABLE.UNREACHABLE_SINCE, db.time().now())
                .set(MACHINE_UNREACHABLE.UNREACHABLE_ATTEMPTS, 1)
                .onConflict(MACHINE_UNREACHABLE.MACHINE_ID)
                .doUpdate()
                .set(MACHINE_UNREACHABLE.UNREACHABLE_ATTEMPTS, MACHINE_UNREACHABLE.UNREACHABLE_ATTEMPTS.plus(1))
                .execute();
    }

    public static void clearUnreachable(Handle db, UUID machineId) {
        clear(db, MACHINE_UNREACHABLE.MACHINE_ID, machineId);
    }

    /** Forgets what was tried to bring a machine back. */
    public static void clearRecovery(Handle db, UUID machineId) {
        clear(db, MACHINE_RECOVERY.MACHINE_ID, machineId);
    }

    /** Quarantines a machine. Returns false, and changes nothing, if it is quarantined already. */
    public static boolean quarantine(Handle db, UUID machineId, String by, String cause) {
        db.lock(machineId);
        int made = db.dsl()
                .insertInto(MACHINE_QUARANTINE)
                .set(MACHINE_QUARANTINE.MACHINE_ID, machineId)
                .set(MACHINE_QUARANTINE.QUARANTINED_AT, db.time().now())
                .set(MACHINE_QUARANTINE.QUARANTINED_BY, by)
                .set(MACHINE_QUARANTINE.QUARANTINE_CAUSE, WorkQueries.shorten(cause))
                .onConflictDoNothing()
                .execute();
        if (made == 0) {
            return false;
        }
        clearRecovery(db, machineId);
        clearUnreachable(db, machineId);
        db.tell(EventKind.QUARANTINED, machineId, Map.of("by", by, "cause", WorkQueries.shorten(cause)));
        return true;
    }

    /** Releases a machine from quarantine. Returns false if it is not quarantined. */
    public static boolean release(Handle db, UUID machineId) {
        boolean released = clear(db, MACHINE_QUARANTINE.MACHINE_ID, machineId);
        if (released) {
            db.tell(EventKind.RELEASED, machineId, Map.of());
        }
        return released;
    }

    /** Returns false if there was no such row. */
    static <R extends Record> boolean clear(Handle db, TableField<R, UUID> key, UUID machineId) {
        db.lock(machineId);
        return db.dsl()
                        .deleteFrom(Objects.requireNonNull(key.getTable()))
                        .where(key.eq(machineId))
                        .execute()
                > 0;
    }
}
