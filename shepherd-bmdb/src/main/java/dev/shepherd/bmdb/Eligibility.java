package dev.shepherd.bmdb;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_SCHEDULE;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.internal.DatabaseTime;
import dev.shepherd.bmdb.internal.DueQueue;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineConditions;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Function;
import org.jooq.Condition;

/**
 * Which machines are candidates for a process. That no session works on the machine already, and that it is not backed
 * off, is checked for every process and not part of this. Immutable.
 */
public final class Eligibility {

    /** How long an agent may be silent after its start before its machine is recovered: 30 min. */
    public static final Duration SILENT_AFTER_START = Duration.ofMinutes(30);

    /** How long an agent may be silent after a heartbeat before its machine is recovered: 10 min. */
    public static final Duration SILENT_AFTER_HEARTBEAT = Duration.ofMinutes(10);

    private final Function<DatabaseTime, Condition> condition;

    /** The part of the due queue that holds all machines that this can be true of; empty if they are not queued. */
    private final Optional<DueQueue.Part> queue;

    private Eligibility(Function<DatabaseTime, Condition> condition) {
        this(condition, Optional.empty());
    }

    private Eligibility(Function<DatabaseTime, Condition> condition, Optional<DueQueue.Part> queue) {
        this.condition = condition;
        this.queue = queue;
    }

    /**
     * Machines of a provider to start the agent on: those without a started agent and without a fulfilled installation,
     * that are neither quarantined nor missing at the provider, nor still being provisioned there.
     */
    public static Eligibility agentStart(ProviderType provider) {
        return new Eligibility(
                time -> MachineConditions.provided(provider).and(MachineConditions.dueForAgentStart(time)),
                Optional.of(new DueQueue.Part(WorkProcess.AGENT_START, provider.name())));
    }

    /**
     * Machines that {@link BmdbTransaction#schedule} has made due for an embedder's own process, once that time has
     * come.
     */
    public static Eligibility scheduled(WorkProcess process) {
        return new Eligibility(
                time -> exists(selectOne()
                        .from(WORK_SCHEDULE)
                        .where(WORK_SCHEDULE.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .and(WORK_SCHEDULE.PROCESS.eq(process.name()))
                        .and(WORK_SCHEDULE.DUE_AT.le(time.now()))),
                Optional.of(DueQueue.Part.scheduled(process)));
    }

    /**
     * Any condition of an embedder's own. Claims by it read every machine of the fleet: where that is too expensive,
     * schedule the machines instead, see {@link #scheduled}.
     *
     * @param condition a condition in which {@code machines.machine_id} is the machine in question
     */
    public static Eligibility where(Condition condition) {
        return new Eligibility(time -> condition);
    }

    /** Returns the part of the due queue to look into; empty if every machine has to be looked at. */
    Optional<DueQueue.Part> queue(WorkProcess process) {
        return queue.filter(part -> part.process().equals(process));
    }

    Condition condition(Handle db) {
        return condition.apply(db.time());
    }
}
