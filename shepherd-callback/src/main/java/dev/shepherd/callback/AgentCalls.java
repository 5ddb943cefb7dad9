package dev.shepherd.callback;

import dev.shepherd.api.internal.FailureLog;
import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentCallException;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.agent.AgentReply;
import dev.shepherd.callback.AgentEndpointStatus.Outcome;
import dev.shepherd.callback.IncomingCall.Agent;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Passes requests of agents to the callback: decides who may call, how often, and who comes next. Knows nothing of the
 * transport.
 *
 * <p>An agent that the database has accepted is known from then on, with its own allowances and lane, in which one
 * request at a time is under way, up to its answer. All others are strangers: those of an address share an allowance
 * and a lane. So a signature is never checked for a stranger beyond that allowance, and what another address sends in a
 * machine's name takes nothing from it. {@code docs/decisions/0018-the-agents-server.md} has the argument.
 *
 * <p>Safe for use by several threads.
 */
final class AgentCalls implements AutoCloseable {

    /** How many requests of one agent may wait, beside the one under way. */
    private static final int WAITING_PER_AGENT = 8;

    /** How many requests of strangers from one address may wait. */
    private static final int WAITING_PER_ADDRESS = 256;

    /** Of so many agents it is known that they are one; those that have not called for the longest are forgotten. */
    private static final int MOST_AGENTS = 200_000;

    /** Reading as much takes less than waking a thread. */
    private static final int SMALL_BODY = 1024;

    private static final int MOST_ADDRESSES = 100_000;

    private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);
    private static final long HOUR = TimeUnit.HOURS.toNanos(1);

    private final AgentCallback callback;
    private final AgentEndpointLimits limits;
    private final LongSupplier nanos;
    private final FailureLog failures;
    private final FairQueue queue;
    private final Object lock = new Object();
    private final Map<Agent, Known> agents = bounded(MOST_AGENTS);
    private final Map<Object, Allowance> addresses = bounded(MOST_ADDRESSES);
    private final Map<Object, Allowance> handshakes = bounded(MOST_ADDRESSES);

    /** An agent that the database has accepted. Guarded by the lock. */
    private final class Known {
        private final Allowance calls;
        private final Allowance reports;
        private final Allowance reportBytes;

        /** From this address, nothing of this agent is looked into until then, since it had no allowance left. */
        private @Nullable Object refusedAddress;

        /** When the last request was signed that was accepted here, by the agent's clock. */
        private long signedMillis = Long.MIN_VALUE;

        private long callsRefusedUntil;
        private long reportsRefusedUntil;

        Known(long now) {
            calls = new Allowance(limits.heartbeatsPerMinute(), MINUTE, now);
            reports = new Allowance(limits.reportsPerHour(), HOUR, now);
            reportBytes = new Allowance(limits.reportBytesPerHour(), HOUR, now);
            callsRefusedUntil = now;
            reportsRefusedUntil = now;
        }

        /**
         * Takes what a verified call needs. Returns how long it has to wait if there is not enough, and takes nothing.
         */
        long take(Object address, int reportSize, long now) {
            long wait = calls.nanosUntil(1, now);
            long reportWait =
                    reportSize == 0 ? 0 : Math.max(reports.nanosUntil(1, now), reportBytes.nanosUntil(reportSize, now));
            if (wait > 0 || reportWait > 0) {
                if (!address.equals(refusedAddress)) {
                    refusedAddress = address;
                    callsRefusedUntil = now;
                    reportsRefusedUntil = now;
                }
                if (wait > 0) {
                    callsRefusedUntil = now + wait;
                } else {
                    // A smaller one may do sooner.
                    reportsRefusedUntil = now + Math.min(reportWait, TimeUnit.SECONDS.toNanos(5));
                }
                return Math.max(wait, reportWait);
            }
            charge(reportSize, now);
            return 0;
        }

        void charge(int reportSize, long now) {
            calls.take(1, now);
            if (reportSize > 0) {
                reports.take(1, now);
                reportBytes.take(reportSize, now);
            }
        }

        /** Returns how long this agent is refused unseen. */
        long refusedFor(Object address, boolean withBody, long now) {
            if (!address.equals(refusedAddress)) {
                return 0;
            }
            long calls = callsRefusedUntil - now;
            return Math.max(0, withBody ? Math.max(calls, reportsRefusedUntil - now) : calls);
        }
    }

    AgentCalls(
            AgentCallback callback,
            AgentEndpointLimits limits,
            LongSupplier nanos,
            FailureLog failures,
            String threadName) {
        this.callback = callback;
        this.limits = limits;
        this.nanos = nanos;
        this.failures = failures;
        this.queue = new FairQueue(threadName, limits.threads(), limits.maxWaiting());
    }

    @SuppressWarnings("serial")
    private static <K, V> Map<K, V> bounded(int most) {
        return new LinkedHashMap<>(16, 0.75f, true) {
            @Override
            protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
                return size() > most;
            }
        };
    }

    void start() {
        queue.start();
    }

    int waiting() {
        return queue.waiting();
    }

    /**
     * Decides on a request by its headers alone, before its body is read and its signature checked.
     *
     * @param withBody whether it has a body, and so may hold reports
     * @throws Refusal if it is not worth more
     */
    void admit(IncomingCall request, Object address, boolean withBody) throws Refusal {
        synchronized (lock) {
            long now = nanos.getAsLong();
            Known known = agents.get(request.agent());
            if (known != null) {
                Long signed = request.signedMillis();
                if (signed != null && signed <= known.signedMillis) {
                    // It takes nothing of what the agent may send: others may have repeated it.
                    requireAllowance(address, now);
                    throw new Refusal(replayed(known.signedMillis));
                }
                long wait = known.refusedFor(address, withBody, now);
                if (wait > 0) {
                    throw new Refusal(tooMany(wait));
                }
            } else {
                requireAllowance(address, now);
            }
        }
    }

    /** Tells an agent when its last request was signed: a later one is accepted. */
    private static Answer replayed(long lastMillis) {
        return Answer.replayed(
                "a request that was signed then, or later, was accepted before: sign with a later time", lastMillis);
    }

    /** Takes one handshake of what an address may begin; false if there is none. */
    boolean takeHandshake(Object address) {
        synchronized (lock) {
            long now = nanos.getAsLong();
            Allowance allowance = handshakes.computeIfAbsent(
                    address, any -> new Allowance(limits.handshakesPerMinute(), MINUTE, now));
            if (allowance.nanosUntil(1, now) > 0) {
                failures.failed(
                        "Connections of agents are closed",
                        "an address begins more than " + limits.handshakesPerMinute() + " TLS handshakes a minute");
                return false;
            }
            allowance.take(1, now);
            return true;
        }
    }

    /** What is no request of an agent is answered as often as an address may be wrong; returns what to answer. */
    Answer limited(Answer answer, Object address) {
        if (answer.isTooMany() || answer.status() >= 500) {
            return answer;
        }
        synchronized (lock) {
            long now = nanos.getAsLong();
            try {
                requireAllowance(address, now);
            } catch (Refusal tooMany) {
                return tooMany.answer();
            }
            ofStrangers(address, now).take(1, now);
            return answer;
        }
    }

    private void requireAllowance(Object address, long now) throws Refusal {
        long wait = ofStrangers(address, now).nanosUntil(1, now);
        if (wait > 0) {
            throw new Refusal(Answer.tooMany("too many requests from this address are not by an agent", wait));
        }
    }

    /** Takes note of a request that was not by an agent. */
    private void chargeStranger(Object address) {
        synchronized (lock) {
            long now = nanos.getAsLong();
            ofStrangers(address, now).take(1, now);
        }
    }

    private Allowance ofStrangers(Object address, long now) {
        return addresses.computeIfAbsent(address, any -> new Allowance(limits.strangerCallsPerMinute(), MINUTE, now));
    }

    private static Answer tooMany(long wait) {
        return Answer.tooMany("this machine calls more often, or sends more, than it may", wait);
    }

    /**
     * Carries out a request that was admitted and has been read.
     *
     * @param whenDone is told the answer, once, by a thread that must not be held up
     */
    void submit(IncomingCall request, byte[] body, Object address, Consumer<Answer> whenDone) {
        boolean stranger;
        synchronized (lock) {
            stranger = !agents.containsKey(request.agent());
            if (stranger) {
                // Taken before it is known what it is, and given back if it is an agent.
                long now = nanos.getAsLong();
                ofStrangers(address, now).take(1, now);
            }
        }
        FairQueue.Task task = release -> carryOut(request, body, address, stranger, release, whenDone);
        FairQueue.Added added;
        if (stranger) {
            added = queue.add(address, WAITING_PER_ADDRESS, task);
        } else if (request.signedMillis() == null && body.length <= SMALL_BODY) {
            // There is no signature to check, and hardly anything to read.
            added = queue.runOrAdd(request.agent(), WAITING_PER_AGENT, task);
        } else {
            added = queue.add(request.agent(), WAITING_PER_AGENT, task);
        }
        switch (added) {
            case WAITING -> {}
            case LANE_FULL -> whenDone.accept(tooMany(TimeUnit.SECONDS.toNanos(1)));
            case FULL -> {
                failures.failed(
                        "Requests of agents are refused with QUEUE_FULL",
                        limits.maxWaiting() + " wait for their signatures to be checked");
                whenDone.accept(Answer.unavailable(503, Outcome.QUEUE_FULL));
            }
            case CLOSED -> whenDone.accept(Answer.unavailable(503, Outcome.CLOSED));
        }
    }

    private void carryOut(
            IncomingCall request,
            byte[] body,
            Object address,
            boolean stranger,
            Runnable release,
            Consumer<Answer> whenDone) {
        try {
            AgentCall call = request.verify(body);
            int reportSize = call.hardwareReport().isPresent()
                            || call.installationReport().isPresent()
                    ? body.length
                    : 0;
            takeAllowance(request.agent(), address, reportSize);
            if (stranger) {
                // What it is will show; until then it must not hold up the others of its address.
                release.run();
            }
            CompletableFuture<Void> unused = callback.callAsync(call)
                    .handle((reply, error) -> settle(request, address, stranger, reportSize, reply, error))
                    .exceptionally(this::failed)
                    .thenAccept(answer -> {
                        release.run();
                        whenDone.accept(answer);
                    });
        } catch (Refusal e) {
            if (!stranger && !e.answer().isTooMany()) {
                chargeStranger(address);
            }
            release.run();
            whenDone.accept(e.answer());
        } catch (RuntimeException | Error e) {
            Answer answer = failed(e);
            release.run();
            whenDone.accept(answer);
        }
    }

    private void takeAllowance(Agent agent, Object address, int reportSize) throws Refusal {
        synchronized (lock) {
            Known known = agents.get(agent);
            if (known != null) {
                long wait = known.take(address, reportSize, nanos.getAsLong());
                if (wait > 0) {
                    throw new Refusal(tooMany(wait));
                }
            }
        }
    }

    /** Makes an answer of what the callback said, and remembers whose call it was. */
    private Answer settle(
            IncomingCall request,
            Object address,
            boolean stranger,
            int reportSize,
            @Nullable AgentReply reply,
            @Nullable Throwable error) {
        Agent agent = request.agent();
        if (reply != null) {
            accepted(request, address, stranger, reportSize);
            return Answer.ok(request.answer(reply));
        }
        Throwable cause = error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
        if (!(cause instanceof AgentCallException failure)) {
            return failed(cause);
        }
        AgentCallException.Reason reason = failure.reason();
        switch (reason) {
            case OTHER_GENERATION -> accepted(request, address, stranger, reportSize);
            case UNKNOWN_MACHINE, AGENT_NOT_STARTED, WRONG_KEY -> {
                synchronized (lock) {
                    agents.remove(agent);
                }
            }
            case REPLAYED -> {
                return wasReplayed(agent, address, stranger, failure.lastSignedTime());
            }
            case QUEUE_FULL, DATABASE_FAILED, CLOSED, TIMED_OUT -> {
                if (stranger) {
                    giveBack(address);
                }
            }
        }
        int status = status(reason);
        Outcome outcome = Outcome.valueOf(reason.name());
        return status >= 500
                ? Answer.unavailable(status, outcome)
                : Answer.refusal(status, outcome, String.valueOf(failure.getMessage()));
    }

    /** The agent gets back what the request took of what it may; it is the address that repeats requests. */
    private Answer wasReplayed(Agent agent, Object address, boolean stranger, Optional<Instant> last) {
        synchronized (lock) {
            Known known = agents.get(agent);
            if (known != null) {
                known.calls.giveBack(1);
                last.ifPresent(time -> known.signedMillis = Math.max(known.signedMillis, time.toEpochMilli()));
            }
            if (!stranger) {
                chargeStranger(address);
            }
        }
        return replayed(last.map(Instant::toEpochMilli).orElse(0L));
    }

    private void accepted(IncomingCall request, Object address, boolean stranger, int reportSize) {
        Agent agent = request.agent();
        synchronized (lock) {
            if (!agents.containsKey(agent)) {
                agents.put(agent, new Known(nanos.getAsLong()));
            }
            Known known = agents.get(agent);
            Long signed = request.signedMillis();
            if (known != null && signed != null) {
                known.signedMillis = Math.max(known.signedMillis, signed);
            }
            if (stranger) {
                giveBack(address);
                if (known != null) {
                    known.charge(reportSize, nanos.getAsLong());
                }
            }
        }
    }

    private void giveBack(Object address) {
        synchronized (lock) {
            ofStrangers(address, nanos.getAsLong()).giveBack(1);
        }
    }

    private Answer failed(@Nullable Throwable e) {
        failures.failed("Requests of agents fail unexpectedly", String.valueOf(e));
        return Answer.unavailable(503, Outcome.FAILED);
    }

    private static int status(AgentCallException.Reason reason) {
        return switch (reason) {
            case UNKNOWN_MACHINE -> 404;
            case AGENT_NOT_STARTED -> 409;
            case WRONG_KEY -> 403;
            case REPLAYED -> 401;
            case OTHER_GENERATION -> 422;
            case QUEUE_FULL, DATABASE_FAILED, CLOSED -> 503;
            case TIMED_OUT -> 504;
        };
    }

    /** Ends the threads. Requests that wait get no answer. */
    @Override
    public void close() {
        queue.close();
    }
}
