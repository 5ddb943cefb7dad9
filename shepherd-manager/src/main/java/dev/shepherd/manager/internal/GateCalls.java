package dev.shepherd.manager.internal;

import static java.util.Objects.requireNonNull;

import dev.shepherd.api.internal.FailureLog;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.trace.Tracer;
import dev.shepherd.manager.disruption.Disruption;
import dev.shepherd.manager.disruption.DisruptionGate;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.disruption.DrainHook;
import dev.shepherd.manager.disruption.GateAnswer;
import java.time.Duration;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The only way to call gates and drain hooks: each call has a thread of its own and a limit, and whatever it throws is an answer. A
 * gate that never answers keeps at most {@value #MOST_AT_ONCE} threads; from then on it has said "not now" at once. One for each
 * shepherd, shared by all who ask; safe for use by several threads.
 */
public final class GateCalls implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(GateCalls.class);

    /** How many calls of one gate or hook may be under way. */
    static final int MOST_AT_ONCE = 16;

    private static final String CLOSED = "the manager is closing";

    private final DisruptionSettings settings;
    private final Tracer tracer;
    private final ThreadPoolExecutor threads;

    /** Of each gate and hook, whatever it says that it is equal to. */
    private final Map<Object, Semaphore> places = new IdentityHashMap<>();

    private final List<Observer> observers = new CopyOnWriteArrayList<>();
    private final FailureLog failures = new FailureLog(log::warn, log::info, System::nanoTime);

    public GateCalls(DisruptionSettings settings, Tracer tracer) {
        this.settings = settings;
        this.tracer = tracer;
        settings.gates().forEach(gate -> places.put(gate, new Semaphore(MOST_AT_ONCE)));
        settings.drainHooks().forEach(hook -> places.put(hook, new Semaphore(MOST_AT_ONCE)));
        AtomicInteger number = new AtomicInteger();
        this.threads =
                new ThreadPoolExecutor(0, Integer.MAX_VALUE, 10, TimeUnit.SECONDS, new SynchronousQueue<>(), task -> {
                    Thread thread = new Thread(task, "shepherd-gate-" + number.incrementAndGet());
                    thread.setDaemon(true);
                    return thread;
                });
    }

    /** What came of a question. */
    public enum Said {
        PROCEED,
        NOT_NOW,
        NEVER,
        /** No answer came. */
        FAILED
    }

    /** Is told of each answer, on the thread that asked; must return at once, and throw nothing. */
    public interface Observer {
        void answered(String gate, Said said, long nanos);
    }

    /** Returns what the gates are called, each once. */
    public Set<String> names() {
        return settings.gates().stream().map(GateCalls::nameOf).collect(Collectors.toCollection(TreeSet::new));
    }

    /** Begins to tell of answers. */
    public void observe(Observer observer) {
        observers.add(observer);
    }

    /** Ends that. */
    public void forget(Observer observer) {
        observers.remove(observer);
    }

    DisruptionSettings settings() {
        return settings;
    }

    /** Asks one gate. Whatever keeps it from answering is an answer. */
    GateAnswer ask(DisruptionGate gate, Disruption disruption) throws InterruptedException {
        long startedAt = System.nanoTime();
        String name = nameOf(gate);
        try {
            GateAnswer answer = call(gate, () -> gate.ask(disruption));
            tell(name, Said.valueOf(answer.verdict().name()), startedAt);
            return answer;
        } catch (Unanswered e) {
            tell(name, Said.FAILED, startedAt);
            failures.failed("Gate " + name, "the " + disruption + " is held back: " + e.getMessage());
            return GateAnswer.notNow(String.valueOf(e.getMessage()));
        }
    }

    private void tell(String gate, Said said, long startedAt) {
        long took = System.nanoTime() - startedAt;
        observers.forEach(observer -> observer.answered(gate, said, took));
    }

    static String nameOf(DisruptionGate gate) {
        try {
            return String.valueOf(gate.name());
        } catch (RuntimeException e) {
            return gate.getClass().getSimpleName();
        }
    }

    /**
     * Begins to move work away.
     *
     * @return how long that takes at most
     * @throws Unanswered if a hook fails
     */
    Duration beginDrain(Disruption disruption) throws Unanswered, InterruptedException {
        Duration longest = Duration.ZERO;
        for (DrainHook hook : settings.drainHooks()) {
            Duration asked = call(hook, () -> hook.begin(disruption));
            longest = asked.compareTo(longest) > 0 ? asked : longest;
        }
        return longest.compareTo(settings.drainLimit()) > 0 ? settings.drainLimit() : longest;
    }

    /** Tells whether all hooks say that all work is away. */
    boolean areDrained(Disruption disruption) throws InterruptedException {
        for (DrainHook hook : settings.drainHooks()) {
            try {
                if (!call(hook, () -> hook.isDrained(disruption))) {
                    return false;
                }
            } catch (Unanswered e) {
                failures.failed("Drain hook " + hook.getClass().getName(), disruption + ": " + e.getMessage());
                return false;
            }
        }
        return true;
    }

    /** Tells all hooks that a drain has ended. Returns false if one could not take note of it. */
    boolean endDrain(Disruption disruption, Optional<String> cancelled) throws InterruptedException {
        boolean told = true;
        for (DrainHook hook : settings.drainHooks()) {
            try {
                call(hook, () -> {
                    if (cancelled.isPresent()) {
                        hook.cancelled(disruption, cancelled.get());
                    } else {
                        hook.done(disruption);
                    }
                    return true;
                });
            } catch (Unanswered e) {
                failures.failed("Drain hook " + hook.getClass().getName(), disruption + ": " + e.getMessage());
                told = false;
            }
        }
        return told;
    }

    /** Logs what is waiting to be logged. To be called every few seconds. */
    void flushLog() {
        failures.flush();
    }

    /** No answer came; says why. */
    static final class Unanswered extends Exception {
        private static final long serialVersionUID = 1L;

        Unanswered(String message) {
            super(message);
        }
    }

    private <T> T call(Object callee, Callable<T> question) throws Unanswered, InterruptedException {
        Semaphore free = requireNonNull(places.get(callee), "it is none of the settings");
        if (!free.tryAcquire()) {
            throw new Unanswered(MOST_AT_ONCE + " earlier calls have not ended yet");
        }
        FutureTask<T> task = new FutureTask<>(question);
        Runnable carried = LogContext.here(tracer.here(task));
        try {
            // The place is free when the call has ended, not when it is no longer waited for.
            threads.execute(() -> {
                try {
                    carried.run();
                } finally {
                    free.release();
                }
            });
        } catch (RejectedExecutionException e) {
            free.release();
            throw new Unanswered(CLOSED);
        }
        try {
            T answer = task.get(settings.answerWithin().toMillis(), TimeUnit.MILLISECONDS);
            if (answer == null) {
                throw new Unanswered("it returned null");
            }
            return answer;
        } catch (TimeoutException e) {
            throw new Unanswered("it did not answer within " + Spans.text(settings.answerWithin()));
        } catch (ExecutionException e) {
            throw new Unanswered("it failed: " + e.getCause());
        } finally {
            task.cancel(true);
        }
    }

    /** Interrupts what still runs. Does not wait for it: the threads end with the process at the latest. */
    @Override
    public void close() {
        threads.shutdownNow();
    }
}
