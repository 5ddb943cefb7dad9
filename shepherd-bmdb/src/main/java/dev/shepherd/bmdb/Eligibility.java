package dev.shepherd.bmdb;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REPORT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REQUEST;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.api.ProviderType;
import java.time.Duration;
import java.util.function.Function;
import org.jooq.Condition;

/**
 * Which machines come into question for a process. That nobody works on the machine already and that it is not
 * backed off is asked of every process and not said here. Immutable.
 */
public final class Eligibility {

    /** How long an agent may be silent after its start before its machine is recovered: 30 min. */
    public static final Duration SILENT_AFTER_START = Duration.ofMinutes(30);

    /** How long an agent may be silent after a heartbeat before its machine is recovered: 10 min. */
    public static final Duration SILENT_AFTER_HEARTBEAT = Duration.ofMinutes(10);

    private final Function<DatabaseTime, Condition> condition;

    private Eligibility(Function<DatabaseTime, Condition> condition) {
        this.condition = condition;
    }

    /**
     * Machines of a provider to start the agent on: those without a started agent and without a fulfilled
     * installation.
     */
    public static Eligibility agentStart(ProviderType provider) {
        return of(provider, agentStart());
    }

    /** The part of {@link #agentStart(ProviderType)} that does not depend on the provider. */
    static Eligibility agentStart() {
        return new Eligibility(time -> not(agentStarted()).and(not(installationFulfilled())));
    }

    /**
     * Machines of a provider whose agent fell silent: started, never heard for longer than
     * {@code silentAfterStart} or not for longer than {@code silentAfterHeartbeat}, and without a fulfilled
     * installation.
     *
     * @param silentAfterStart not negative; by default {@link #SILENT_AFTER_START}
     * @param silentAfterHeartbeat not negative; by default {@link #SILENT_AFTER_HEARTBEAT}
     */
    public static Eligibility recovery(
            ProviderType provider, Duration silentAfterStart, Duration silentAfterHeartbeat) {
        if (silentAfterStart.isNegative() || silentAfterHeartbeat.isNegative()) {
            throw new IllegalArgumentException("an agent cannot be silent for less than no time: " + silentAfterStart
                    + ", " + silentAfterHeartbeat);
        }
        return of(provider, recovery(silentAfterStart, silentAfterHeartbeat));
    }

    /** The part of {@link #recovery(ProviderType, Duration, Duration)} that does not depend on the provider. */
    static Eligibility recovery(Duration silentAfterStart, Duration silentAfterHeartbeat) {
        return new Eligibility(time -> {
            Condition neverHeard = exists(selectOne()
                            .from(MACHINE_AGENT_STARTED)
                            .where(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                            .and(MACHINE_AGENT_STARTED.AGENT_STARTED_AT.lt(time.nowMinus(silentAfterStart))))
                    .and(not(exists(selectOne()
                            .from(MACHINE_AGENT_HEARTBEAT)
                            .where(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINES.MACHINE_ID)))));
            Condition notHeardForLong = exists(selectOne()
                    .from(MACHINE_AGENT_HEARTBEAT)
                    .where(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                    .and(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT.lt(time.nowMinus(silentAfterHeartbeat))));
            return agentStarted().and(neverHeard.or(notHeardForLong)).and(not(installationFulfilled()));
        });
    }

    /**
     * Any condition of an embedder's own.
     *
     * @param condition a condition in which {@code machines.machine_id} is the machine in question
     */
    public static Eligibility where(Condition condition) {
        return new Eligibility(time -> condition);
    }

    private static Eligibility of(ProviderType provider, Eligibility rest) {
        return new Eligibility(time -> provided(provider).and(rest.condition(time)));
    }

    Condition condition(DatabaseTime time) {
        return condition.apply(time);
    }

    private static Condition provided(ProviderType provider) {
        return exists(selectOne()
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_PROVIDED.PROVIDER.eq(provider.name())));
    }

    private static Condition agentStarted() {
        return exists(selectOne()
                .from(MACHINE_AGENT_STARTED)
                .where(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINES.MACHINE_ID)));
    }

    static Condition installationRequested() {
        return exists(selectOne()
                .from(MACHINE_OS_INSTALLATION_REQUEST)
                .where(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID.eq(MACHINES.MACHINE_ID)));
    }

    /** The one definition of a fulfilled installation: a successful report of the requested generation. */
    static Condition installationFulfilled() {
        return exists(selectOne()
                .from(MACHINE_OS_INSTALLATION_REQUEST)
                .join(MACHINE_OS_INSTALLATION_REPORT)
                .on(MACHINE_OS_INSTALLATION_REPORT.MACHINE_ID.eq(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID))
                .where(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_OS_INSTALLATION_REPORT.GENERATION.eq(MACHINE_OS_INSTALLATION_REQUEST.GENERATION))
                .and(MACHINE_OS_INSTALLATION_REPORT.OS_INSTALLATION_RESULT.eq(
                        inline(InstallationResult.SUCCESS.databaseName()))));
    }
}
