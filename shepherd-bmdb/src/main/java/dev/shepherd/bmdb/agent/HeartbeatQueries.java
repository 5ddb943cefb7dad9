package dev.shepherd.bmdb.agent;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REPORT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REQUEST;

import dev.shepherd.bmdb.MachineRecord.InstallationReport;
import dev.shepherd.bmdb.MachineRecord.InstallationRequest;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineConditions;
import dev.shepherd.bmdb.internal.TagQueries;
import java.time.Duration;
import java.util.BitSet;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;
import org.jspecify.annotations.Nullable;

/** The statements behind {@link AgentCallback}. */
final class HeartbeatQueries {

    private HeartbeatQueries() {}

    /**
     * Limits how long this transaction waits for a lock, and how long the database lets it sit idle, since it holds
     * locks that others wait for.
     */
    static void begin(Handle db, Duration lockTimeout, Duration idle) {
        // One round trip. A statement that has waited must see what was committed meanwhile, regardless of the default.
        db.dsl()
                .execute("set transaction isolation level read committed; set local lock_timeout = "
                        + Math.max(1, lockTimeout.toMillis()) + "; set local idle_in_transaction_session_timeout = "
                        + idle.toMillis());
    }

    /**
     * Records heartbeats, as of now, for those agents that were started with that key. Only the rows that are written
     * are locked, in the order of their ids, so that two such statements cannot deadlock.
     *
     * <p>A signed heartbeat is recorded only if it was signed later than the last one that its key has signed and that
     * was recorded. That is decided on the row's newest version, under its lock: of two processes, only one records the
     * same. {@code docs/decisions/0033-tls-for-agents.md} has the argument.
     *
     * @param machineIds the machine of each agent
     * @param keys the key of each agent; no agent is there twice
     * @param signedMillis when each was signed, in milliseconds since 1970; null for those that need no time
     * @return which of them were recorded
     */
    static Recorded record(Handle db, UUID[] machineIds, byte[][] keys, @Nullable Long[] signedMillis) {
        Recorded recorded = new Recorded(new BitSet(machineIds.length), new BitSet(machineIds.length));
        db.dsl()
                .resultQuery(
                        "with known as ("
                                + "select s.machine_id, s.agent_public_key, c.signed_at_millis, c.position"
                                + " from unnest({1}, {2}, {3}) with ordinality"
                                + " as c (machine_id, agent_public_key, signed_at_millis, position)"
                                + " join machine_agent_started s"
                                + " on s.machine_id = c.machine_id and s.agent_public_key = c.agent_public_key"
                                + "), written as ("
                                + "insert into machine_agent_heartbeat as h"
                                + " (machine_id, agent_heartbeat_at, agent_signed_at_millis, agent_signed_by)"
                                + " select machine_id, {0}, signed_at_millis,"
                                + " case when signed_at_millis is not null then agent_public_key end"
                                + " from known order by machine_id"
                                // The transaction that commits later may have begun earlier.
                                + " on conflict (machine_id) do update set agent_heartbeat_at ="
                                + " case when h.agent_heartbeat_at > excluded.agent_heartbeat_at + interval '1 minute'"
                                // No transaction is that old: the database's clock went back.
                                + " then excluded.agent_heartbeat_at"
                                + " else greatest(h.agent_heartbeat_at, excluded.agent_heartbeat_at) end,"
                                + " agent_signed_at_millis ="
                                + " coalesce(excluded.agent_signed_at_millis, h.agent_signed_at_millis),"
                                + " agent_signed_by = coalesce(excluded.agent_signed_by, h.agent_signed_by)"
                                + " where excluded.agent_signed_at_millis is null"
                                + " or h.agent_signed_at_millis is null"
                                + " or h.agent_signed_by <> excluded.agent_signed_by"
                                + " or h.agent_signed_at_millis < excluded.agent_signed_at_millis"
                                // Only a row that was inserted has no transaction that locked or replaced it.
                                + " returning machine_id, xmax = 0 as first"
                                + ") select position, first from known join written using (machine_id)",
                        db.time().now(),
                        DSL.val(machineIds, SQLDataType.UUID.getArrayDataType()),
                        DSL.val(keys, SQLDataType.BLOB.getArrayDataType()),
                        DSL.val(signedMillis, SQLDataType.BIGINT.getArrayDataType()))
                .forEach(row -> {
                    int position = row.get(0, Integer.class) - 1;
                    recorded.all().set(position);
                    recorded.first().set(position, row.get(1, Boolean.class));
                });
        return recorded;
    }

    /**
     * Which heartbeats were recorded, by their position.
     *
     * @param first which of them are the first since the agent was started
     */
    record Recorded(BitSet all, BitSet first) {}

    /** Returns the requests of these machines that are not fulfilled. */
    static Map<UUID, InstallationRequest> pendingRequests(Handle db, UUID[] machineIds) {
        return db.dsl()
                .select(
                        MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID,
                        MACHINE_OS_INSTALLATION_REQUEST.GENERATION,
                        MACHINE_OS_INSTALLATION_REQUEST.OS_INSTALLATION_REQUEST_RAW)
                .from(MACHINES)
                .join(MACHINE_OS_INSTALLATION_REQUEST)
                .on(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .where(MACHINES.MACHINE_ID.eq(DSL.any(machineIds)))
                .andNot(MachineConditions.installationFulfilled())
                .fetchMap(
                        MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID,
                        row -> new InstallationRequest(
                                row.get(MACHINE_OS_INSTALLATION_REQUEST.GENERATION),
                                row.get(MACHINE_OS_INSTALLATION_REQUEST.OS_INSTALLATION_REQUEST_RAW)));
    }

    /**
     * What is known of the agent of a machine.
     *
     * @param key its key; null if none was started
     * @param signedAtMillis when the last request was signed that was accepted; null if there is none
     */
    @SuppressWarnings("ArrayRecordComponent")
    record Started(byte @Nullable [] key, @Nullable Long signedAtMillis) {}

    /** Returns what is known of the agents of these machines; nothing of machines that do not exist. */
    static Map<UUID, Started> started(Handle db, UUID[] machineIds) {
        return db.dsl()
                .select(
                        MACHINES.MACHINE_ID,
                        MACHINE_AGENT_STARTED.AGENT_PUBLIC_KEY,
                        MACHINE_AGENT_HEARTBEAT.AGENT_SIGNED_AT_MILLIS)
                .from(MACHINES)
                .leftJoin(MACHINE_AGENT_STARTED)
                .on(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .leftJoin(MACHINE_AGENT_HEARTBEAT)
                .on(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .where(MACHINES.MACHINE_ID.eq(DSL.any(machineIds)))
                .fetchMap(MACHINES.MACHINE_ID, row -> new Started(row.value2(), row.value3()));
    }

    /**
     * Tells whether a report is the one that is recorded, for the request that there is. Then nothing is to be written,
     * and nothing locked: the call is as good as one that came just before that report was recorded first.
     */
    static boolean isRecorded(Handle db, UUID machineId, InstallationReport report) {
        return db.dsl()
                .fetchExists(db.dsl()
                        .selectOne()
                        .from(MACHINE_OS_INSTALLATION_REPORT)
                        .join(MACHINE_OS_INSTALLATION_REQUEST)
                        .on(MACHINE_OS_INSTALLATION_REQUEST
                                .MACHINE_ID
                                .eq(MACHINE_OS_INSTALLATION_REPORT.MACHINE_ID)
                                .and(MACHINE_OS_INSTALLATION_REQUEST.GENERATION.eq(
                                        MACHINE_OS_INSTALLATION_REPORT.GENERATION)))
                        .where(MACHINE_OS_INSTALLATION_REPORT.MACHINE_ID.eq(machineId))
                        .and(MACHINE_OS_INSTALLATION_REPORT.GENERATION.eq(report.generation()))
                        .and(MACHINE_OS_INSTALLATION_REPORT.OS_INSTALLATION_RESULT.eq(
                                report.result().databaseName()))
                        .and(TagQueries.holds(
                                MACHINE_OS_INSTALLATION_REPORT.OS_INSTALLATION_REPORT_RAW, report.raw())));
    }

    /**
     * Returns the generation of the request, and keeps others from making a new request until the transaction has
     * ended.
     */
    static Optional<Long> lockGeneration(Handle db, UUID machineId) {
        return db.dsl()
                .select(MACHINE_OS_INSTALLATION_REQUEST.GENERATION)
                .from(MACHINE_OS_INSTALLATION_REQUEST)
                .where(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID.eq(machineId))
                .forShare()
                .fetchOptional(MACHINE_OS_INSTALLATION_REQUEST.GENERATION);
    }
}
