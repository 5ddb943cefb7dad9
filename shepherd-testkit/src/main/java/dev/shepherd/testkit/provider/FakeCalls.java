package dev.shepherd.testkit.provider;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.testkit.provider.FakeProvider.Blocked;
import dev.shepherd.testkit.provider.FakeProvider.Call;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The calls of a {@link FakeProvider}: what was called, and what is to go wrong with the next ones. Safe for use by
 * several threads.
 */
final class FakeCalls {

    private final ProviderType type;
    private final Clock clock;
    private final Object lock = new Object();
    private final Map<Operation, Deque<Fault>> faults = new EnumMap<>(Operation.class);
    private final Map<Operation, Fault> lastingFaults = new EnumMap<>(Operation.class);
    private final List<Attempt> attempts = new ArrayList<>();
    private int running;
    private int mostRunning;
    private boolean closed;

    FakeCalls(ProviderType type, Clock clock) {
        this.type = type;
        this.clock = clock;
    }

    /** What a call does, between the faults before and after its effect. */
    interface Body<T> {
        T run(Attempt attempt) throws InterruptedException;
    }

    <T> T call(Operation operation, Optional<ProviderID> id, Optional<UUID> intentId, Body<T> body)
            throws InterruptedException {
        Attempt attempt;
        synchronized (lock) {
            if (closed) {
                throw new IllegalStateException(operation + " was called on provider " + type + " after it was closed");
            }
            attempt = new Attempt(operation, id, intentId, nextFault(operation));
            attempts.add(attempt);
            running++;
            mostRunning = Math.max(mostRunning, running);
        }
        try {
            attempt.beforeEffect();
            T result = body.run(attempt);
            attempt.failAfterEffect();
            attempt.ended(null);
            return result;
        } catch (RuntimeException | Error | InterruptedException e) {
            attempt.ended(e);
            throw e;
        }
    }

    /** Called under the lock. */
    private @Nullable Fault nextFault(Operation operation) {
        Deque<Fault> waiting = faults.get(operation);
        Fault next = waiting == null ? null : waiting.poll();
        return next == null ? lastingFaults.get(operation) : next;
    }

    /** Has something happen to the next call of a kind for which nothing else waits. */
    void onNext(Operation operation, Fault fault) {
        synchronized (lock) {
            faults.computeIfAbsent(operation, key -> new ArrayDeque<>()).add(fault);
        }
    }

    /** Has something happen to every call of a kind for which nothing else waits. */
    void onAll(Operation operation, Fault fault) {
        synchronized (lock) {
            lastingFaults.put(operation, fault);
        }
    }

    /** Forgets all that was to happen and has not. */
    void clearFaults() {
        synchronized (lock) {
            faults.clear();
            lastingFaults.clear();
        }
    }

    List<Call> made() {
        synchronized (lock) {
            return attempts.stream().map(Attempt::toCall).toList();
        }
    }

    int mostConcurrent() {
        synchronized (lock) {
            return mostRunning;
        }
    }

    /** Refuses calls from now on, or takes them again. */
    void close(boolean closing) {
        synchronized (lock) {
            closed = closing;
        }
    }

    boolean isClosed() {
        synchronized (lock) {
            return closed;
        }
    }

    /** What is to happen to one call: exactly one of the four. */
    record Fault(
            @Nullable RuntimeException before,
            @Nullable RuntimeException after,
            @Nullable Duration delay,
            @Nullable Blocked blocked) {

        static Fault failure(RuntimeException before) {
            return new Fault(Objects.requireNonNull(before, "failure"), null, null, null);
        }

        static Fault failureAfterEffect(RuntimeException after) {
            return new Fault(null, Objects.requireNonNull(after, "failure"), null, null);
        }

        static Fault delay(Duration delay) {
            return new Fault(null, null, Objects.requireNonNull(delay, "delay"), null);
        }

        static Fault block(Blocked blocked) {
            return new Fault(null, null, null, blocked);
        }
    }

    /** A call under way. */
    final class Attempt {
        private final Operation operation;
        private final Optional<UUID> intentId;
        private final @Nullable Fault fault;
        private final String thread = Thread.currentThread().getName();
        private final Instant start = clock.instant();
        private Optional<ProviderID> id;
        private Optional<Instant> end = Optional.empty();
        private Optional<Throwable> failure = Optional.empty();

        private Attempt(Operation operation, Optional<ProviderID> id, Optional<UUID> intentId, @Nullable Fault fault) {
            this.operation = operation;
            this.id = id;
            this.intentId = intentId;
            this.fault = fault;
        }

        private void beforeEffect() throws InterruptedException {
            if (fault == null) {
                return;
            }
            if (fault.delay() != null) {
                Thread.sleep(fault.delay().toMillis());
            }
            if (fault.blocked() != null) {
                fault.blocked().reached.countDown();
                if (!fault.blocked().released.await(FakeProvider.LONGEST_WAIT_SECONDS, TimeUnit.SECONDS)) {
                    throw new IllegalStateException("a blocked call was never released");
                }
            }
            if (fault.before() != null) {
                throw fault.before();
            }
        }

        /** Fails if that is what is to happen to the call. Called again when its body has returned. */
        void failAfterEffect() {
            if (fault != null && fault.after() != null) {
                throw fault.after();
            }
        }

        /** Notes which machine came out of the call. */
        void made(ProviderID machine) {
            synchronized (lock) {
                id = Optional.of(machine);
            }
        }

        private void ended(@Nullable Throwable with) {
            synchronized (lock) {
                running--;
                end = Optional.of(clock.instant());
                failure = Optional.ofNullable(with);
            }
        }

        private Call toCall() {
            return new Call(operation, id, intentId, thread, start, end, failure);
        }
    }
}
