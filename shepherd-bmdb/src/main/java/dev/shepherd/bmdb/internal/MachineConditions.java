package dev.shepherd.bmdb.internal;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_INSTALLED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REQUEST;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_QUARANTINE;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_DUE_EXPECTED;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.WorkProcess;
import org.jooq.Condition;

/** What may be true of a row of {@code machines}. */
public final class MachineConditions {

    private MachineConditions() {}

    /** It is due for agent start, by the view that the due queue follows as well. */
    public static Condition dueForAgentStart(DatabaseTime time) {
        return field(select(WORK_DUE_EXPECTED.DUE_AT)
                        .from(WORK_DUE_EXPECTED)
                        .where(WORK_DUE_EXPECTED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .and(WORK_DUE_EXPECTED.PROCESS.eq(inline(WorkProcess.AGENT_START.name()))))
                .le(time.now());
    }

    /**
     * It is neither quarantined nor missing at its provider: another customer's machine may answer at its address then.
     */
    public static Condition present() {
        Condition quarantined = exists(
                selectOne().from(MACHINE_QUARANTINE).where(MACHINE_QUARANTINE.MACHINE_ID.eq(MACHINES.MACHINE_ID)));
        Condition missing = exists(selectOne()
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_PROVIDED.PROVIDER_STATUS.eq(inline(ProviderStatus.MISSING.databaseName()))));
        return not(quarantined).and(not(missing));
    }

    public static Condition provided(ProviderType provider) {
        return exists(selectOne()
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_PROVIDED.PROVIDER.eq(provider.name())));
    }

    public static Condition installationRequested() {
        return exists(selectOne()
                .from(MACHINE_OS_INSTALLATION_REQUEST)
                .where(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID.eq(MACHINES.MACHINE_ID)));
    }

    public static Condition installationFulfilled() {
        return exists(selectOne().from(MACHINE_INSTALLED).where(MACHINE_INSTALLED.MACHINE_ID.eq(MACHINES.MACHINE_ID)));
    }
}
