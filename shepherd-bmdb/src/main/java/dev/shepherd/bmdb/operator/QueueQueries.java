package dev.shepherd.bmdb.operator;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_DUE;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_DUE_EXPECTED;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.greatest;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.name;
import static org.jooq.impl.DSL.when;

import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.DueQueue;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.recovery.RecoveryRules;
import java.time.OffsetDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jooq.Field;
import org.jooq.Table;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;

/** Compares the queue of due work with the tags that it is derived from. Reads every machine. */
final class QueueQueries {

    private static final int EXAMPLES = 20;

    private QueueQueries() {}

    static QueueCheck check(Handle db, RecoveryPolicies policies) {
        Field<String> wrong = field(name("wrong"), String.class);
        Field<String> example = field(name("example"), String.class);
        // An entry for recovery may come up earlier than the machine is due, not later.
        Field<OffsetDateTime> latest = greatest(due(db, policies), db.time().nowPlus(DueQueue.LEAST_PUT_OFF));
        Table<?> compared = db.dsl()
                .select(
                        when(WORK_DUE.MACHINE_ID.isNull(), inline("missing"))
                                .when(WORK_DUE_EXPECTED.MACHINE_ID.isNull(), inline("superfluous"))
                                .when(
                                        WORK_DUE.PROVIDER
                                                .ne(WORK_DUE_EXPECTED.PROVIDER)
                                                .or(WORK_DUE.DUE_AT.gt(when(
                                                                WORK_DUE_EXPECTED.PROCESS.eq(
                                                                        WorkProcess.RECOVERY.name()),
                                                                greatest(WORK_DUE_EXPECTED.DUE_AT, latest))
                                                        .otherwise(WORK_DUE_EXPECTED.DUE_AT))),
                                        inline("late"))
                                .as(wrong),
                        DSL.concat(
                                        coalesce(WORK_DUE.PROCESS, WORK_DUE_EXPECTED.PROCESS),
                                        inline(" on machine "),
                                        coalesce(WORK_DUE.MACHINE_ID, WORK_DUE_EXPECTED.MACHINE_ID)
                                                .cast(SQLDataType.VARCHAR),
                                        inline(": due at "),
                                        coalesce(WORK_DUE.DUE_AT.cast(SQLDataType.VARCHAR), inline("no time")),
                                        inline(", should be due at "),
                                        coalesce(WORK_DUE_EXPECTED.DUE_AT.cast(SQLDataType.VARCHAR), inline("no time")))
                                .as(example))
                .from(WORK_DUE)
                .fullOuterJoin(WORK_DUE_EXPECTED)
                .on(WORK_DUE_EXPECTED.MACHINE_ID.eq(WORK_DUE.MACHINE_ID))
                .and(WORK_DUE_EXPECTED.PROCESS.eq(WORK_DUE.PROCESS))
                .leftJoin(MACHINES)
                .on(MACHINES.MACHINE_ID.eq(WORK_DUE.MACHINE_ID))
                .asTable("compared");
        Map<String, Integer> counts = db.dsl()
                .select(wrong, count())
                .from(compared)
                .where(wrong.isNotNull())
                .groupBy(wrong)
                .fetchMap(wrong, count());
        List<String> examples = counts.isEmpty()
                ? List.of()
                : db.dsl()
                        .select(DSL.concat(wrong, inline(": "), example))
                        .from(compared)
                        .where(wrong.isNotNull())
                        .limit(EXAMPLES)
                        .fetch(0, String.class);
        return new QueueCheck(
                db.dsl().fetchCount(WORK_DUE),
                counts.getOrDefault("missing", 0),
                counts.getOrDefault("late", 0),
                counts.getOrDefault("superfluous", 0),
                examples);
    }

    /** When a machine is due for recovery under the policy of its provider. */
    private static Field<OffsetDateTime> due(Handle db, RecoveryPolicies policies) {
        Field<OffsetDateTime> usual = new RecoveryRules(db.time(), policies.usual()).due();
        Map<Field<String>, Field<OffsetDateTime>> others = new LinkedHashMap<>();
        policies.others()
                .forEach((provider, policy) ->
                        others.put(inline(provider.name()), new RecoveryRules(db.time(), policy).due()));
        return others.isEmpty()
                ? usual
                : DSL.choose(WORK_DUE_EXPECTED.PROVIDER).mapFields(others).otherwise(usual);
    }
}
