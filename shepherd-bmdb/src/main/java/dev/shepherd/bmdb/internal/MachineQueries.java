package dev.shepherd.bmdb.internal;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES_FORGOTTEN;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_HARDWARE_REPORT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REPORT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REQUEST;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_SSH_HOST_KEY;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_BACKOFF;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_HISTORY;
import static org.jooq.impl.DSL.any;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.MachineRecord.ActiveBackoff;
import dev.shepherd.bmdb.MachineRecord.ActiveWork;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.bmdb.MachineRecord.AgentStarted;
import dev.shepherd.bmdb.MachineRecord.InstallationReport;
import dev.shepherd.bmdb.MachineRecord.InstallationRequest;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.WorkEvent;
import dev.shepherd.bmdb.WorkHistoryEntry;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.labels.LabelQueries;
import dev.shepherd.bmdb.internal.schema.tables.records.MachineProvidedRecord;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.Table;
import org.jooq.TableField;
import org.jspecify.annotations.Nullable;

/** The statements that only read. */
public final class MachineQueries {

    private static final Pattern IPV4 =
            Pattern.compile("(OCTET\\.){3}OCTET".replace("OCTET", "(25[0-5]|(2[0-4]|1?\\d)?\\d)"));

    /** How many rows of a large result are in memory at a time. */
    public static final int FETCH_SIZE = 5000;

    private MachineQueries() {}

    /** Returns an executable of an agent, as the columns have it. */
    public static AgentBuild build(byte[] sha256, @Nullable String version) {
        return new AgentBuild(HexFormat.of().formatHex(sha256), Optional.ofNullable(version));
    }

    public static Optional<MachineRecord> machine(Handle db, UUID id) {
        return db.dsl()
                .select()
                .from(withTags())
                .where(MACHINES.MACHINE_ID.eq(id))
                .fetchOptional()
                .map(row -> new MachineRecord(
                        id,
                        row.get(MACHINES.MACHINE_CREATED_AT).toInstant(),
                        tag(row, MACHINE_PROVIDED, MACHINE_PROVIDED.MACHINE_ID).map(MachineQueries::provided),
                        tag(row, MACHINE_AGENT_STARTED, MACHINE_AGENT_STARTED.MACHINE_ID)
                                .map(tag -> new AgentStarted(
                                        tag.getAgentStartedAt().toInstant(),
                                        tag.getAgentPublicKey(),
                                        Optional.ofNullable(tag.getAgentSha256())
                                                .map(sha256 -> build(sha256, tag.getAgentVersion())))),
                        tag(row, MACHINE_AGENT_HEARTBEAT, MACHINE_AGENT_HEARTBEAT.MACHINE_ID)
                                .map(tag -> tag.getAgentHeartbeatAt().toInstant()),
                        tag(row, MACHINE_HARDWARE_REPORT, MACHINE_HARDWARE_REPORT.MACHINE_ID)
                                .map(tag -> tag.getHardwareReportRaw()),
                        tag(row, MACHINE_OS_INSTALLATION_REQUEST, MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID)
                                .map(tag -> new InstallationRequest(
                                        tag.getGeneration(), tag.getOsInstallationRequestRaw())),
                        tag(row, MACHINE_OS_INSTALLATION_REPORT, MACHINE_OS_INSTALLATION_REPORT.MACHINE_ID)
                                .map(tag -> new InstallationReport(
                                        tag.getGeneration(),
                                        InstallationResult.ofDatabaseName(tag.getOsInstallationResult()),
                                        tag.getOsInstallationReportRaw())),
                        tag(row, MACHINE_SSH_HOST_KEY, MACHINE_SSH_HOST_KEY.MACHINE_ID)
                                .map(tag -> tag.getSshHostKey()),
                        db.dsl()
                                .selectFrom(WORK)
                                .where(WORK.MACHINE_ID.eq(id))
                                .orderBy(WORK.PROCESS)
                                .fetch(work -> new ActiveWork(
                                        new WorkProcess(work.getProcess()),
                                        work.getSessionId(),
                                        work.getWorkStartedAt().toInstant())),
                        db.dsl()
                                .selectFrom(WORK_BACKOFF)
                                .where(WORK_BACKOFF.MACHINE_ID.eq(id))
                                .and(WORK_BACKOFF.UNTIL.gt(db.time().now()))
                                .orderBy(WORK_BACKOFF.PROCESS)
                                .fetch(backoff -> new ActiveBackoff(
                                        new WorkProcess(backoff.getProcess()),
                                        backoff.getUntil().toInstant(),
                                        backoff.getKind(),
                                        backoff.getCause(),
                                        Math.max(backoff.getLastIntervalSeconds(), backoff.getLossIntervalSeconds()),
                                        backoff.getLosses())),
                        LabelQueries.of(db, id)));
    }

    private static Table<?> withTags() {
        return MACHINES.leftJoin(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .leftJoin(MACHINE_AGENT_STARTED)
                .on(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .leftJoin(MACHINE_AGENT_HEARTBEAT)
                .on(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .leftJoin(MACHINE_HARDWARE_REPORT)
                .on(MACHINE_HARDWARE_REPORT.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .leftJoin(MACHINE_OS_INSTALLATION_REQUEST)
                .on(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .leftJoin(MACHINE_OS_INSTALLATION_REPORT)
                .on(MACHINE_OS_INSTALLATION_REPORT.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .leftJoin(MACHINE_SSH_HOST_KEY)
                .on(MACHINE_SSH_HOST_KEY.MACHINE_ID.eq(MACHINES.MACHINE_ID));
    }

    /** Returns the part of a row that came from a tag's table, if the machine has that tag. */
    private static <R extends Record> Optional<R> tag(Record row, Table<R> table, TableField<R, UUID> key) {
        return row.get(key) == null ? Optional.empty() : Optional.of(row.into(table));
    }

    public static Optional<UUID> find(Handle db, ProviderType provider, ProviderID id) {
        return db.dsl()
                .select(MACHINE_PROVIDED.MACHINE_ID)
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .and(MACHINE_PROVIDED.PROVIDER_ID.eq(id.value()))
                .fetchOptional(MACHINE_PROVIDED.MACHINE_ID);
    }

    public static List<ProvidedMachine> providedMachines(Handle db) {
        return db.dsl()
                .selectFrom(MACHINE_PROVIDED)
                .orderBy(MACHINE_PROVIDED.PROVIDER, MACHINE_PROVIDED.PROVIDER_ID)
                .fetch(MachineQueries::provided);
    }

    public static List<ProvidedMachine> providedMachines(Handle db, ProviderType provider) {
        return db.dsl()
                .selectFrom(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .orderBy(MACHINE_PROVIDED.PROVIDER_ID)
                .fetch(MachineQueries::provided);
    }

    public static List<ProvidedMachine> providedMachines(Handle db, ProviderType provider, Collection<ProviderID> ids) {
        return db.dsl()
                .selectFrom(MACHINE_PROVIDED)
                .where(isOneOf(provider, ids))
                .fetch(MachineQueries::provided);
    }

    public static Condition isOneOf(ProviderType provider, Collection<ProviderID> ids) {
        return MACHINE_PROVIDED
                .PROVIDER
                .eq(provider.name())
                .and(MACHINE_PROVIDED.PROVIDER_ID.eq(
                        any(ids.stream().map(ProviderID::value).toArray(String[]::new))));
    }

    public static ProvidedMachine provided(MachineProvidedRecord row) {
        return new ProvidedMachine(
                row.getMachineId(),
                new ProviderType(row.getProvider()),
                new ProviderID(row.getProviderId()),
                Optional.ofNullable(row.getProviderReservationId()),
                Optional.ofNullable(row.getProviderIpAddress()).map(text -> address(row.getMachineId(), text)),
                row.getProviderSshPort() == null ? OptionalInt.empty() : OptionalInt.of(row.getProviderSshPort()),
                Optional.ofNullable(row.getProviderLocation()),
                Optional.ofNullable(row.getProviderStatus()).map(ProviderStatus::ofDatabaseName),
                row.getProviderFailed(),
                LabelQueries.labels(row.getProviderLabels()));
    }

    /** Reads an address without ever resolving a name. */
    private static InetAddress address(UUID machineId, String text) {
        try {
            if (IPV4.matcher(text).matches() || text.indexOf(':') >= 0) {
                return InetAddress.getByName(text);
            }
        } catch (UnknownHostException e) {
            throw noAddress(machineId, text, e);
        }
        throw noAddress(machineId, text, null);
    }

    private static BmdbException noAddress(UUID machineId, String text, @Nullable Exception cause) {
        return new BmdbException(
                "machine_provided.provider_ip_address of machine " + machineId + " holds \"" + text
                        + "\", which is not an IP address",
                null,
                cause);
    }

    public static List<WorkHistoryEntry> history(Handle db, UUID machineId, int limit) {
        return history(db, WORK_HISTORY.MACHINE_ID.eq(machineId), limit);
    }

    /**
     * Reads the history of the machine that has an id of its provider now, and of all that had it and were forgotten.
     */
    public static List<WorkHistoryEntry> history(Handle db, ProviderType provider, ProviderID id, int limit) {
        List<UUID> machineIds = new ArrayList<>(db.dsl()
                .select(MACHINES_FORGOTTEN.MACHINE_ID)
                .from(MACHINES_FORGOTTEN)
                .where(MACHINES_FORGOTTEN.PROVIDER.eq(provider.name()))
                .and(MACHINES_FORGOTTEN.PROVIDER_ID.eq(id.value()))
                .fetch(MACHINES_FORGOTTEN.MACHINE_ID));
        find(db, provider, id).ifPresent(machineIds::add);
        return machineIds.isEmpty()
                ? List.of()
                : history(db, WORK_HISTORY.MACHINE_ID.eq(any(machineIds.toArray(UUID[]::new))), limit);
    }

    private static List<WorkHistoryEntry> history(Handle db, Condition which, int limit) {
        return db.dsl()
                .selectFrom(WORK_HISTORY)
                .where(which)
                .orderBy(WORK_HISTORY.TIMESTAMP.desc(), WORK_HISTORY.HISTORY_ID.desc())
                .limit(limit)
                .fetch(row -> new WorkHistoryEntry(
                        row.getMachineId(),
                        Optional.ofNullable(row.getProvider()).map(ProviderType::new),
                        Optional.ofNullable(row.getProviderId()).map(ProviderID::new),
                        new WorkProcess(row.getProcess()),
                        WorkEvent.ofDatabaseName(row.getEvent()),
                        row.getTimestamp().toInstant(),
                        Optional.ofNullable(row.getFailedCause()),
                        Optional.ofNullable(row.getNote()),
                        Optional.ofNullable(row.getClaimId()),
                        Optional.ofNullable(row.getSessionId())));
    }

    public static Instant now(Handle db) {
        Field<OffsetDateTime> now = db.time().now();
        return db.dsl().select(now).fetchSingle().value1().toInstant();
    }
}
