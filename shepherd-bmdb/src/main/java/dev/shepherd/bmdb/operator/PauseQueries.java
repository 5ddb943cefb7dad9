package dev.shepherd.bmdb.operator;

import static dev.shepherd.bmdb.internal.schema.Tables.PAUSES;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.Handle;
import java.time.Duration;
import java.util.UUID;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/** The statement that makes a pause. */
final class PauseQueries {

    private PauseQueries() {}

    /** What a pause is of; null stands for all. Not both of a machine and of a selector. */
    record Scope(
            @Nullable UUID machineId,
            @Nullable Selector selector,
            @Nullable ProviderType provider,
            @Nullable WorkProcess process) {}

    static Pause insert(Handle db, Actor actor, Scope scope, String reason, @Nullable Duration duration) {
        return Operator.pause(db.dsl()
                .insertInto(PAUSES)
                .set(PAUSES.PAUSE_ID, UUID.randomUUID())
                .set(PAUSES.MACHINE_ID, scope.machineId())
                .set(
                        PAUSES.PAUSE_SELECTOR,
                        scope.selector() == null ? null : scope.selector().toString())
                .set(
                        PAUSES.PROVIDER,
                        scope.provider() == null ? null : scope.provider().name())
                .set(
                        PAUSES.PROCESS,
                        scope.process() == null ? null : scope.process().name())
                .set(PAUSES.PAUSED_BY, actor.name())
                .set(PAUSES.PAUSE_REASON, reason)
                .set(PAUSES.PAUSED_AT, db.time().now())
                .set(
                        PAUSES.PAUSED_UNTIL,
                        duration == null
                                ? DSL.castNull(PAUSES.PAUSED_UNTIL.getDataType())
                                : db.time().nowPlus(duration))
                .returning()
                .fetchSingle());
    }
}
