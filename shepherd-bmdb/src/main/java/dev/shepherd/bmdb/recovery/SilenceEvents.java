package dev.shepherd.bmdb.recovery;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_SILENCE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_UNREACHABLE;
import static org.jooq.impl.DSL.any;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.greatest;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.select;

import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.RecoveryState;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineQueries;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;

/**
 * Tells of machines that are silent, each once for each silence: {@code machine_silence} has the last sign of life of the
 * silence that was told of. A later sign begins another one, so heartbeats need not write there.
 *
 * <p>For one transaction of a recoverer, which holds the lock on the provider's row.
 */
final class SilenceEvents {

    /** Of how many machines one transaction tells. Others are told of at the next look. */
    private static final int MOST = 500;

    private final Handle db;
    private final RecoveryPolicy policy;
    private final Set<UUID> told = new HashSet<>();

    SilenceEvents(Handle db, RecoveryPolicy policy) {
        this.db = db;
        this.policy = policy;
    }

    /** The machine of {@code machines}, which is due for recovery, is not in recovery, and its silence was not told of. */
    static Condition isUntold() {
        Field<OffsetDateTime> known = field(select(MACHINE_SILENCE.SILENT_SINCE)
                .from(MACHINE_SILENCE)
                .where(MACHINE_SILENCE.MACHINE_ID.eq(MACHINES.MACHINE_ID)));
        return not(InRecovery.isOpen()).and(lastSign().isDistinctFrom(known));
    }

    /** When the machine of {@code machines} last gave a sign of life, or was first out of reach if it never did. */
    private static Field<OffsetDateTime> lastSign() {
        Field<OffsetDateTime> started = field(select(MACHINE_AGENT_STARTED.AGENT_STARTED_AT)
                .from(MACHINE_AGENT_STARTED)
                .where(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINES.MACHINE_ID)));
        Field<OffsetDateTime> heard = field(select(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT)
                .from(MACHINE_AGENT_HEARTBEAT)
                .where(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINES.MACHINE_ID)));
        Field<OffsetDateTime> unreachable = field(select(MACHINE_UNREACHABLE.UNREACHABLE_SINCE)
                .from(MACHINE_UNREACHABLE)
                .where(MACHINE_UNREACHABLE.MACHINE_ID.eq(MACHINES.MACHINE_ID)));
        return coalesce(
                greatest(started, heard),
                unreachable,
                field("'-infinity'::timestamptz", SQLDataType.TIMESTAMPWITHTIMEZONE));
    }

    /** Tells of machines, except those that another transaction has locked: they are told of at the next look. */
    void tell(Condition silent) {
        List<UUID> found = db.dsl()
                .resultQuery(
                        "with found as ({0}) insert into machine_silence (machine_id, silent_since)"
                                + " select machine_id, silent_since from found"
                                + " on conflict (machine_id) do update set silent_since = excluded.silent_since"
                                + " returning machine_id",
                        select(MACHINES.MACHINE_ID, lastSign().as("silent_since"))
                                .from(MACHINES)
                                .where(silent)
                                .and(isUntold())
                                .orderBy(MACHINES.MACHINE_CREATED_AT, MACHINES.MACHINE_ID)
                                .limit(DSL.inline(MOST))
                                .forNoKeyUpdate()
                                .of(MACHINES)
                                .skipLocked())
                .fetch(0, UUID.class);
        if (found.isEmpty()) {
            return;
        }
        Map<UUID, RecoveryState> states = RecoveryStates.states(db, found);
        Instant now = MachineQueries.now(db);
        for (UUID machineId : found) {
            boolean isCounted = Optional.ofNullable(states.get(machineId))
                    .map(state -> state.counted(policy, now))
                    .filter(counted -> counted.attempts() + counted.reinstalls() > 0)
                    .isPresent();
            db.tell(isCounted ? EventKind.RELAPSED : EventKind.SILENT, machineId, Map.of());
        }
        told.addAll(found);
    }

    /** Makes sure that machines are told of which were claimed just now: they were locked when the others were told of. */
    void tellOfClaimed(List<UUID> claimed) {
        List<UUID> rest = new ArrayList<>(claimed);
        rest.removeAll(told);
        if (!rest.isEmpty()) {
            tell(MACHINES.MACHINE_ID.eq(any(rest.toArray(UUID[]::new))));
        }
    }
}
