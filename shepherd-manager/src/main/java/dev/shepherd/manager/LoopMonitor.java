package dev.shepherd.manager;

import dev.shepherd.api.ProviderType;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Where a loop notes what it does, so that others can see it. Safe for use by several threads. */
final class LoopMonitor {

    private final String name;
    private final ProviderType provider;
    private final Clock clock;

    private final Object lock = new Object();
    private LoopStatus.State state = LoopStatus.State.NEW;
    private String waitingFor = "being started";
    private @Nullable Instant lastRunAt;
    private @Nullable Duration lastRunTook;
    private LoopStatus.@Nullable LastError lastError;
    private int inProgress;
    private long succeeded;
    private long failed;

    LoopMonitor(String name, ProviderType provider, Clock clock) {
        this.name = name;
        this.provider = provider;
        this.clock = clock;
    }

    void state(LoopStatus.State newState) {
        synchronized (lock) {
            state = newState;
        }
    }

    void waitingFor(String what) {
        synchronized (lock) {
            waitingFor = what;
        }
    }

    void stepBegins(String what) {
        synchronized (lock) {
            lastRunAt = clock.instant();
            lastRunTook = null;
            waitingFor = what;
        }
    }

    void stepEnded() {
        synchronized (lock) {
            if (lastRunAt != null) {
                lastRunTook = Duration.between(lastRunAt, clock.instant());
            }
        }
    }

    /** A step went through, so whatever was wrong with the step before is over. */
    void stepSucceeded() {
        synchronized (lock) {
            if (lastError != null) {
                lastError = new LoopStatus.LastError(lastError.at(), lastError.message(), false);
            }
        }
    }

    void error(String message) {
        synchronized (lock) {
            lastError = new LoopStatus.LastError(clock.instant(), message, true);
        }
    }

    void machineBegins() {
        synchronized (lock) {
            inProgress++;
        }
    }

    void machineSucceeded() {
        synchronized (lock) {
            inProgress--;
            succeeded++;
        }
    }

    void machineFailed(String message) {
        synchronized (lock) {
            inProgress--;
            failed++;
            lastError = new LoopStatus.LastError(clock.instant(), message, true);
        }
    }

    void machineGivenUp() {
        synchronized (lock) {
            inProgress--;
        }
    }

    LoopStatus status() {
        synchronized (lock) {
            return new LoopStatus(
                    name,
                    provider,
                    state,
                    waitingFor,
                    Optional.ofNullable(lastRunAt),
                    Optional.ofNullable(lastRunTook),
                    Optional.ofNullable(lastError),
                    inProgress,
                    succeeded,
                    failed);
        }
    }
}
