package dev.shepherd.testkit.contract;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** The faults that a {@link FaultProxy} has, and what they make of each request. Safe for use by several threads. */
final class ProxyFaults {

    /** What becomes of one request. */
    enum Treatment {
        SERVED,
        /** Served upstream, and one of these in place of the answer. */
        LOST,
        CUT,
        RESET,
        HANGS_AFTER(0, true),
        HANGS_AFTER_HEAD(0, true),
        /** Not served upstream, and one of these. */
        DROPPED,
        HANGS_BEFORE(0, true),
        REFUSED(400, false),
        UNAUTHENTICATED(401, false),
        CONFLICT(409, false),
        RATE_LIMITED(429, false),
        UNAVAILABLE(503, false);

        /** The status of the answer that the proxy gives itself; 0 where it gives none. */
        final int status;

        final boolean hangs;

        Treatment() {
            this(0, false);
        }

        Treatment(int status, boolean hangs) {
            this.status = status;
            this.hangs = hangs;
        }

        static Treatment of(RequestFault fault) {
            return switch (fault) {
                case ANSWER_LOST -> LOST;
                case ANSWER_CUT -> CUT;
                case RESET -> RESET;
                case REFUSED -> REFUSED;
                case CONFLICT -> CONFLICT;
                case RATE_LIMITED -> RATE_LIMITED;
                case UNAVAILABLE -> UNAVAILABLE;
                case HANGS_BEFORE -> HANGS_BEFORE;
                case HANGS_AFTER -> HANGS_AFTER;
                case HANGS_AFTER_HEAD -> HANGS_AFTER_HEAD;
            };
        }
    }

    /**
     * What becomes of one request.
     *
     * @param step what it does
     * @param treatment of it
     * @param isStale whether listings are stale
     * @param isDoubled whether listings name machines twice
     * @param action what is done before it
     * @param isMeant whether it is the one that a fault or an action was meant for
     * @param healed is counted down once it need wait no longer
     * @param round in which it came: there is a new one with each fault
     */
    record Verdict(
            Step step,
            Treatment treatment,
            boolean isStale,
            boolean isDoubled,
            Optional<Faults.Action> action,
            boolean isMeant,
            CountDownLatch healed,
            int round) {}

    /** The one request that is meant: what goes wrong with it, or else what is done before it. */
    private record Meant(Step step, int number, Treatment treatment, Optional<Faults.Action> action) {}

    private final Object lock = new Object();
    private final Set<ContractFault> lasting = EnumSet.noneOf(ContractFault.class);
    private CountDownLatch healed = new CountDownLatch(1);
    private @Nullable Meant meant;
    private int seen;
    private boolean hit;
    /** The requests that came while nothing could be reached, in the order of their first coming. */
    private final List<String> unreached = new ArrayList<>();

    private int round;
    private int effects;
    private final Map<Step, Integer> requests = new EnumMap<>(Step.class);
    private @Nullable Throwable failure;

    void inject(ContractFault fault) {
        synchronized (lock) {
            lasting.add(fault);
            nextRound();
        }
    }

    void inject(RequestFault fault, Step step, int number) {
        mean(new Meant(step, number, Treatment.of(fault), Optional.empty()));
    }

    void before(Step step, int number, Faults.Action action) {
        mean(new Meant(step, number, Treatment.SERVED, Optional.of(action)));
    }

    private void mean(Meant next) {
        if (next.number < 1) {
            throw new IllegalArgumentException("there is no request number " + next.number);
        }
        synchronized (lock) {
            meant = next;
            seen = 0;
            hit = false;
            nextRound();
        }
    }

    private void nextRound() {
        round++;
        effects = 0;
        requests.clear();
    }

    boolean wasHit() {
        synchronized (lock) {
            return hit;
        }
    }

    int requests(Step step) {
        synchronized (lock) {
            return requests.getOrDefault(step, 0);
        }
    }

    int effects() {
        synchronized (lock) {
            return effects;
        }
    }

    /** Ends all faults, and all waiting. Returns what the proxy or an action failed with since the last time. */
    @Nullable
    Throwable heal() {
        synchronized (lock) {
            lasting.clear();
            meant = null;
            unreached.clear();
            healed.countDown();
            healed = new CountDownLatch(1);
            Throwable failed = failure;
            failure = null;
            return failed;
        }
    }

    /**
     * Says what becomes of the next request.
     *
     * @param name the same for the same request
     */
    Verdict next(Step step, String name) {
        synchronized (lock) {
            requests.merge(step, 1, Integer::sum);
            Treatment treatment = Treatment.SERVED;
            Optional<Faults.Action> action = Optional.empty();
            boolean isMeant = meant != null && meant.step == step && ++seen == meant.number;
            if (meant != null && isMeant) {
                treatment = meant.treatment;
                action = meant.action;
            }
            if (treatment == Treatment.SERVED) {
                treatment = lasting(step, name);
            }
            return new Verdict(
                    step,
                    treatment,
                    lasting.contains(ContractFault.STALE_LISTING),
                    lasting.contains(ContractFault.DUPLICATE_MACHINE),
                    action,
                    isMeant,
                    healed,
                    round);
        }
    }

    private Treatment lasting(Step step, String name) {
        if (lasting.contains(ContractFault.HANGING)) {
            return Treatment.HANGS_BEFORE;
        }
        if (lasting.contains(ContractFault.UNREACHABLE)) {
            // Not by turns of a request: most clients repeat a GET whose connection ends, and would see every second
            // turn.
            if (!unreached.contains(name)) {
                unreached.add(name);
            }
            return unreached.indexOf(name) % 2 == 0 ? Treatment.DROPPED : Treatment.UNAVAILABLE;
        }
        if (lasting.contains(ContractFault.UNAUTHENTICATED)) {
            return Treatment.UNAUTHENTICATED;
        }
        if (lasting.contains(ContractFault.RATE_LIMITED)) {
            return Treatment.RATE_LIMITED;
        }
        if (step == Step.CHANGE && lasting.contains(ContractFault.CONFLICT)) {
            return Treatment.CONFLICT;
        }
        if (step == Step.CHANGE && lasting.remove(ContractFault.LOST_ANSWER)) {
            return Treatment.LOST;
        }
        return Treatment.SERVED;
    }

    /** What becomes of a request that faults do not concern. */
    static Verdict spared() {
        return new Verdict(
                Step.READ, Treatment.SERVED, false, false, Optional.empty(), false, new CountDownLatch(0), 0);
    }

    /** Notes that all was done that a request does, but for its answer. */
    void done(Verdict verdict) {
        synchronized (lock) {
            hit |= verdict.isMeant && verdict.round == round;
        }
    }

    /** Notes that a request took effect. */
    void tookEffect(Verdict verdict) {
        synchronized (lock) {
            if (verdict.step == Step.CHANGE && verdict.round == round) {
                effects++;
            }
        }
    }

    /** Notes a failure of the proxy itself, or of an action. */
    void failed(Throwable e) {
        synchronized (lock) {
            if (failure == null) {
                failure = e;
            }
        }
    }
}
