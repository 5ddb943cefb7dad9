package dev.shepherd.bmdb.agent;

import static java.util.Objects.requireNonNull;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.FailureLog;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.CommitOutcomeUnknownException;
import dev.shepherd.bmdb.MachineRecord.InstallationReport;
import dev.shepherd.bmdb.MachineRecord.InstallationRequest;
import dev.shepherd.bmdb.agent.AgentCallException.Reason;
import dev.shepherd.bmdb.agent.HeartbeatQueries.Started;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.SqlStates;
import dev.shepherd.bmdb.internal.TagQueries;
import dev.shepherd.bmdb.internal.Transactions;
import dev.shepherd.bmdb.internal.Uninterruptibly;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where the agents of a fleet report, over any transport.
 *
 * <p>A call identifies an agent by its machine's id and its public key, records its heartbeat, takes its reports and
 * returns the installation that is to be carried out. Before it calls, the transport has verified that the agent holds
 * the private key. No session is needed; any number of processes may do this at once, each with one callback.
 *
 * <p>Heartbeats are written in batches; a report has its own transaction. Every call ends within {@link
 * AgentCallbackConfig.Builder#timeout}, by a reply or an {@link AgentCallException}; a call that finds the queue full
 * fails at once. Failing calls are logged, in at most one line a minute for each reason. How heartbeats are batched,
 * and why a heartbeat proves that a machine is back although a recoverer clears tags meanwhile, is in {@code
 * docs/decisions/0022-heartbeats-and-recovery.md}.
 *
 * <p>Safe for use by several threads. Nothing runs before {@link #start()}, nothing is left after {@link #close()}.
 */
public final class AgentCallback implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(AgentCallback.class);

    private static final Duration LONGEST_STOP = Duration.ofSeconds(10);

    private final Transactions transactions;
    private final Duration idleTimeout;
    private final AgentCallbackConfig config;
    private final AgentCallQueue heartbeats;
    private final AgentCallQueue reports;
    private final AgentCallCounters counters = new AgentCallCounters();
    private final FailureLog failures = new FailureLog(log::warn, log::info, System::nanoTime);

    private AgentCallback(Bmdb bmdb, AgentCallbackConfig config) {
        this.config = config;
        // A transaction that broke is begun again once or twice, but not when its calls have long been given up.
        Database database = bmdb.unwrap(Database.class);
        this.transactions = database.transactions(config.timeout().dividedBy(2), config.timeout());
        this.idleTimeout = database.idleInTransactionTimeout();
        this.heartbeats = new AgentCallQueue(
                "shepherd-heartbeats",
                config.heartbeatThreads(),
                config.queueSize(),
                config.batchSize(),
                config.timeout(),
                this::writeBatch,
                failures::flush);
        this.reports = new AgentCallQueue(
                "shepherd-agent-reports",
                config.reportThreads(),
                Math.max(1, config.queueSize() / 10),
                1,
                config.timeout(),
                this::writeReports,
                () -> {});
    }

    /** Makes a callback with the default settings. It takes calls once it is started. */
    public static AgentCallback of(Bmdb bmdb) {
        return of(bmdb, AgentCallbackConfig.DEFAULT);
    }

    /**
     * Makes a callback. It takes calls once it is started.
     *
     * @param bmdb the database, which stays open until the callback is closed. It needs a connection for each of the
     *     callback's threads
     */
    public static AgentCallback of(Bmdb bmdb, AgentCallbackConfig config) {
        return new AgentCallback(bmdb, config);
    }

    /**
     * Starts the threads.
     *
     * @throws IllegalStateException if it was started or closed before
     */
    public void start() {
        heartbeats.start();
        reports.start();
    }

    /**
     * Carries out a call and waits for it.
     *
     * @throws AgentCallException if it is refused or fails
     * @throws IllegalStateException if the callback is not started
     * @throws InterruptedException if the thread is interrupted; the call may be carried out nonetheless
     */
    public AgentReply call(AgentCall call) throws InterruptedException {
        try {
            return callAsync(call).get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof AgentCallException failure) {
                // With the stack of the caller, which the other one lacks.
                throw new AgentCallException(failure);
            }
            throw new IllegalStateException("a call failed in a way that is not foreseen", e);
        }
    }

    /**
     * Carries out a call without waiting for it.
     *
     * @return what becomes of it: a reply, or an {@link AgentCallException}. It is completed by a thread of this
     *     callback on which other calls depend: dependent actions must not block, or must use another thread
     * @throws IllegalStateException if the callback is not started
     */
    public CompletableFuture<AgentReply> callAsync(AgentCall call) {
        CompletableFuture<AgentReply> answer = (call.hasReports() ? reports : heartbeats).add(call);
        CompletableFuture<AgentReply> unused = answer.whenComplete((reply, error) -> {
            counters.answered(call.hasReports(), error instanceof AgentCallException failure ? failure.reason() : null);
            if (error instanceof AgentCallException failure
                    && !failure.reason().isAnswer()
                    && failure.reason() != Reason.CLOSED) {
                failures.failed("Calls of agents fail with " + failure.reason(), failure.getMessage());
            }
        });
        return answer;
    }

    /**
     * Ends the threads. Calls that wait fail at once with {@link Reason#CLOSED}; what is being written at this moment
     * may still be committed. Closing twice is allowed.
     */
    @Override
    public void close() {
        heartbeats.close();
        reports.close();
        Uninterruptibly.run(() -> {
            long end = System.nanoTime() + LONGEST_STOP.toNanos();
            if (!heartbeats.awaitEnd(end) || !reports.awaitEnd(end)) {
                log.warn(
                        "A thread of the agents' callback has not ended within {} of closing",
                        Spans.text(LONGEST_STOP));
            }
        });
    }

    AgentCallCounters counters() {
        return counters;
    }

    AgentCallQueue heartbeats() {
        return heartbeats;
    }

    AgentCallQueue reports() {
        return reports;
    }

    /** Describes the settings. */
    @Override
    public String toString() {
        return "AgentCallback{" + config + "}";
    }

    private void writeBatch(List<PendingCall> calls) throws InterruptedException {
        counters.written(calls.size());
        try {
            write(calls);
        } catch (BmdbException e) {
            if (isOfAllCalls(e) || calls.size() == 1) {
                failed(calls, e);
                return;
            }
            log.debug("A batch failed, and is written one by one", Escaped.failure(e));
            writeEach(calls);
        }
    }

    private void writeEach(List<PendingCall> calls) throws InterruptedException {
        for (int i = 0; i < calls.size(); i++) {
            try {
                write(calls.subList(i, i + 1));
            } catch (BmdbException e) {
                if (isOfAllCalls(e)) {
                    failed(calls.subList(i, calls.size()), e);
                    return;
                }
                failed(calls.subList(i, i + 1), e);
            }
        }
    }

    private void write(List<PendingCall> calls) throws InterruptedException {
        commit("recording " + calls.size() + " heartbeat(s)", db -> {
                    HeartbeatQueries.begin(db, config.lockTimeout(), idleTimeout);
                    return heartbeats(db, calls);
                })
                .forEach((call, outcome) -> outcome.deliver(call));
    }

    private void failed(List<PendingCall> calls, BmdbException e) {
        for (PendingCall call : calls) {
            if (SqlStates.isLockTimeout(e)) {
                // It waits where it holds up no other heartbeat.
                reports.add(call);
            } else {
                call.fail(Reason.DATABASE_FAILED, e);
            }
        }
    }

    private void writeReports(List<PendingCall> calls) throws InterruptedException {
        PendingCall call = calls.get(0);
        try {
            commit("recording the call of the agent of machine " + call.call().machineId(), db -> report(db, call))
                    .deliver(call);
        } catch (BmdbException e) {
            call.fail(SqlStates.isLockTimeout(e) ? Reason.TIMED_OUT : Reason.DATABASE_FAILED, e);
        }
    }

    /** Recording the same again does no harm, so it is retried once if the outcome of the commit is unknown. */
    private <T> T commit(String what, Transactions.Body<T> body) throws InterruptedException {
        try {
            return transactions.run(what, body);
        } catch (CommitOutcomeUnknownException e) {
            log.debug("{} is done again", what, Escaped.failure(e));
            return transactions.run(what, body);
        }
    }

    /**
     * Tells whether no other call would fare better: the connection broke, or the server lacks space, memory or files
     * (class 53), or cannot read or write them (class 58).
     */
    private static boolean isOfAllCalls(BmdbException e) {
        // A pool that has no connection to give may not say which state that is.
        String state = e.sqlState().orElse("08000");
        return SqlStates.isConnectionFailure(state)
                || SqlStates.isNotPrimary(state)
                || state.startsWith("53")
                || state.startsWith("58");
    }

    /** What is to be told to the caller once the transaction is committed. */
    private record Outcome(
            @Nullable Reason refusal, @Nullable Instant lastSignedTime, Optional<InstallationRequest> request) {

        static Outcome of(Optional<InstallationRequest> request) {
            return new Outcome(null, null, request);
        }

        static Outcome refused(Reason reason) {
            return new Outcome(reason, null, Optional.empty());
        }

        static Outcome replayed(@Nullable Instant lastSignedTime) {
            return new Outcome(Reason.REPLAYED, lastSignedTime, Optional.empty());
        }

        void deliver(PendingCall call) {
            if (refusal == Reason.REPLAYED) {
                call.replayed(lastSignedTime);
            } else if (refusal != null) {
                call.fail(refusal, null);
            } else {
                call.succeed(request.isEmpty() ? AgentReply.NOTHING_TO_DO : new AgentReply(request));
            }
        }
    }

    private Map<PendingCall, Outcome> heartbeats(Handle db, List<PendingCall> calls) {
        // Several calls of one agent are one, apart from those that are signed, of which only the latest can count.
        Map<Agent, List<PendingCall>> proven = new LinkedHashMap<>();
        Map<Agent, List<PendingCall>> signed = new LinkedHashMap<>();
        for (PendingCall call : calls) {
            (call.call().signedTime().isPresent() ? signed : proven)
                    .computeIfAbsent(Agent.of(call.call()), any -> new ArrayList<>(1))
                    .add(call);
        }
        // One statement for all, unless an agent has calls of both kinds: no statement writes a row twice.
        Map<Agent, List<PendingCall>> both = new LinkedHashMap<>();
        proven.keySet().forEach(agent -> {
            List<PendingCall> others = signed.remove(agent);
            if (others != null) {
                both.put(agent, others);
            }
        });
        proven.putAll(signed);
        Map<PendingCall, Outcome> outcomes = record(db, proven);
        if (!both.isEmpty()) {
            outcomes.putAll(record(db, both));
        }
        return outcomes;
    }

    /** Records one heartbeat for each agent: that of its latest call, if its calls are signed. */
    private static Map<PendingCall, Outcome> record(Handle db, Map<Agent, List<PendingCall>> byAgent) {
        List<Agent> agents = List.copyOf(byAgent.keySet());
        // Of calls that were signed at the same time, the first is that.
        List<PendingCall> latest = agents.stream()
                .map(agent -> requireNonNull(byAgent.get(agent)).stream()
                        .reduce((one, other) -> millis(other) > millis(one) ? other : one)
                        .orElseThrow())
                .toList();
        HeartbeatQueries.Recorded written = HeartbeatQueries.record(
                db,
                machineIds(agents),
                agents.stream().map(agent -> agent.key().array()).toArray(byte[][]::new),
                latest.stream()
                        .map(call -> call.call()
                                .signedTime()
                                .map(Instant::toEpochMilli)
                                .orElse(null))
                        .toArray(Long[]::new));
        BitSet recorded = written.all();
        written.first().stream()
                .forEach(i -> db.tell(EventKind.FIRST_HEARD, agents.get(i).machineId(), Map.of()));
        List<Agent> refused = new ArrayList<>();
        for (int i = recorded.nextClearBit(0); i < agents.size(); i = recorded.nextClearBit(i + 1)) {
            refused.add(agents.get(i));
        }
        Map<UUID, Started> started = refused.isEmpty() ? Map.of() : HeartbeatQueries.started(db, machineIds(refused));
        Map<UUID, InstallationRequest> requests = HeartbeatQueries.pendingRequests(db, machineIds(agents));
        Map<PendingCall, Outcome> outcomes = new HashMap<>();
        for (int i = 0; i < agents.size(); i++) {
            Agent agent = agents.get(i);
            UUID machineId = agent.machineId();
            PendingCall counted = latest.get(i);
            Outcome outcome = recorded.get(i)
                    ? Outcome.of(Optional.ofNullable(requests.get(machineId)))
                    : refusal(started.get(machineId), agent, counted);
            for (PendingCall call : requireNonNull(byAgent.get(agent))) {
                boolean isEarlier = recorded.get(i)
                        && call != counted
                        && call.call().signedTime().isPresent();
                outcomes.put(
                        call,
                        isEarlier ? Outcome.replayed(counted.call().signedTime().orElse(null)) : outcome);
            }
        }
        return outcomes;
    }

    private static long millis(PendingCall call) {
        return call.call().signedTime().map(Instant::toEpochMilli).orElse(Long.MIN_VALUE);
    }

    private static Outcome refusal(@Nullable Started started, Agent agent, PendingCall call) {
        if (started == null) {
            return Outcome.refused(Reason.UNKNOWN_MACHINE);
        }
        if (started.key() == null) {
            return Outcome.refused(Reason.AGENT_NOT_STARTED);
        }
        return ByteBuffer.wrap(started.key()).equals(agent.key())
                        && call.call().signedTime().isPresent()
                ? Outcome.replayed(
                        started.signedAtMillis() == null ? null : Instant.ofEpochMilli(started.signedAtMillis()))
                : Outcome.refused(Reason.WRONG_KEY);
    }

    private static UUID[] machineIds(List<Agent> agents) {
        return agents.stream().map(Agent::machineId).toArray(UUID[]::new);
    }

    private Outcome report(Handle db, PendingCall pending) {
        AgentCall call = pending.call();
        UUID machineId = call.machineId();
        HeartbeatQueries.begin(db, pending.left(), idleTimeout);
        boolean installed = call.installationReport().isPresent()
                && !HeartbeatQueries.isRecorded(
                        db, machineId, call.installationReport().get());
        if (installed) {
            db.lock(machineId); // Before its rows, like every statement that changes what a machine is due for.
        }
        Outcome heard = requireNonNull(heartbeats(db, List.of(pending)).get(pending));
        if (heard.refusal() != null || !call.hasReports()) {
            return heard;
        }
        Optional<InstallationReport> installation = call.installationReport();
        if (installed) {
            InstallationReport report = installation.orElseThrow();
            Optional<Long> requested = HeartbeatQueries.lockGeneration(db, machineId);
            if (requested
                    .filter(generation -> generation == report.generation())
                    .isEmpty()) {
                return Outcome.refused(Reason.OTHER_GENERATION);
            }
            TagQueries.putInstallationReport(db, machineId, report.generation(), report.result(), report.raw());
        }
        call.hardwareReport().ifPresent(raw -> TagQueries.putHardwareReport(db, machineId, raw));
        return Outcome.of(Optional.ofNullable(
                HeartbeatQueries.pendingRequests(db, new UUID[] {machineId}).get(machineId)));
    }

    /** The caller: a machine and a key. */
    private record Agent(UUID machineId, ByteBuffer key) {

        static Agent of(AgentCall call) {
            return new Agent(call.machineId(), ByteBuffer.wrap(call.key()));
        }
    }
}
