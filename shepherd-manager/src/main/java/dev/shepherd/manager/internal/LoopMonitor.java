package dev.shepherd.manager.internal;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.api.internal.TimeOfDay;
import dev.shepherd.manager.status.LoopStatus;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Where a loop notes what it does, so that others can see it. Safe for use by several threads. */
public final class LoopMonitor {

    private final String name;
    private final ProviderType provider;
    private final Clock clock;

    private final Object lock = new Object();
    private LoopStatus.State state = LoopStatus.State.NEW;
    private String waitingFor = "being started";
    private @Nullable Instant nextRunAt;
    private @Nullable Instant lastRunAt;
    private @Nullable Duration lastRunTook;
    private LoopStatus.@Nullable LastError lastError;
    private int inProgress;
    private long succeeded;
    private long failed;
    private long givenUp;
    private long steps;
    private long stepFailures;
    private Duration stepTime = Duration.ZERO;
    private @Nullable Instant startedAt;
    private @Nullable Instant lastSuccessAt;

    /** Time spent on machines: the ends of all less their beginnings, each counted from {@link #madeAt}. */
    private Duration machineTime = Duration.ZERO;

    private final Instant madeAt;

    /**
     * What adds up over the life of a loop, or is measured against now.
     *
     * @param steps how many steps have ended
     * @param stepFailures how many of them failed
     * @param stepTime how long all of them took together
     * @param machineTime how long machines were worked on, all together, those in progress included
     * @param sinceSuccess how long ago a step went through, or the loop was started if none ever did; empty while it
     *     does not run
     */
    public record Totals(
            long steps,
            long stepFailures,
            Duration stepTime,
            long succeeded,
            long failed,
            long givenUp,
            int inProgress,
            Duration machineTime,
            Optional<Duration> sinceSuccess) {}

    public LoopMonitor(String name, ProviderType provider, Clock clock) {
        this.name = name;
        this.provider = provider;
        this.clock = clock;
        this.madeAt = clock.instant();
    }

    public String name() {
        return name;
    }

    public ProviderType provider() {
        return provider;
    }

    void state(LoopStatus.State newState) {
        synchronized (lock) {
            state = newState;
            if (newState == LoopStatus.State.RUNNING) {
                startedAt = clock.instant();
            }
        }
    }

    void waitingFor(String what) {
        synchronized (lock) {
            waitingFor = Escaped.text(what);
            nextRunAt = null;
        }
    }

    void waitingFor(String what, Duration delay) {
        synchronized (lock) {
            waitingFor = Escaped.text(what);
            nextRunAt = clock.instant().plus(delay);
        }
    }

    /** Says what time it is after a span from now, and how long that is, for people. */
    public String timeIn(Duration span) {
        Instant now = clock.instant();
        return TimeOfDay.text(now.plus(span), now) + " (" + Spans.text(span) + ")";
    }

    void stepBegins(String what) {
        synchronized (lock) {
            lastRunAt = clock.instant();
            lastRunTook = null;
            nextRunAt = null;
            waitingFor = Escaped.text(what);
        }
    }

    void stepEnded() {
        synchronized (lock) {
            if (lastRunAt != null) {
                lastRunTook = Duration.between(lastRunAt, clock.instant());
                steps++;
                stepTime = stepTime.plus(atLeastZero(lastRunTook));
            }
        }
    }

    /** A step succeeded, so the failure of the step before is over. */
    void stepSucceeded() {
        synchronized (lock) {
            lastSuccessAt = clock.instant();
            if (lastError != null) {
                lastError = new LoopStatus.LastError(lastError.at(), lastError.message(), false);
            }
        }
    }

    /** A step threw. */
    void stepFailed(String message) {
        synchronized (lock) {
            stepFailures++;
            error(message);
        }
    }

    /** Something went wrong that ended neither a step nor the work on a machine. */
    public void error(String message) {
        synchronized (lock) {
            lastError = new LoopStatus.LastError(clock.instant(), Escaped.text(message), true);
        }
    }

    public void machineBegins() {
        synchronized (lock) {
            inProgress++;
            machineTime = machineTime.minus(age());
        }
    }

    public void machineSucceeded() {
        synchronized (lock) {
            machineEnds();
            succeeded++;
        }
    }

    public void machineFailed(String message) {
        synchronized (lock) {
            machineEnds();
            failed++;
            lastError = new LoopStatus.LastError(clock.instant(), Escaped.text(message), true);
        }
    }

    public void machineGivenUp() {
        synchronized (lock) {
            machineEnds();
            givenUp++;
        }
    }

    private void machineEnds() {
        inProgress--;
        machineTime = machineTime.plus(age());
    }

    private Duration age() {
        return Duration.between(madeAt, clock.instant());
    }

    private static Duration atLeastZero(Duration duration) {
        return duration.isNegative() ? Duration.ZERO : duration;
    }

    public Totals totals() {
        synchronized (lock) {
            Instant since = lastSuccessAt == null ? startedAt : lastSuccessAt;
            boolean running = state == LoopStatus.State.RUNNING;
            return new Totals(
                    steps,
                    stepFailures,
                    stepTime,
                    succeeded,
                    failed,
                    givenUp,
                    inProgress,
                    atLeastZero(machineTime.plus(age().multipliedBy(inProgress))),
                    since == null || !running
                            ? Optional.empty()
                            : Optional.of(atLeastZero(Duration.between(since, clock.instant()))));
        }
    }

    public LoopStatus status() {
        synchronized (lock) {
            return new LoopStatus(
                    name,
                    provider,
                    state,
                    waitingFor,
                    Optional.ofNullable(nextRunAt),
                    Optional.ofNullable(lastRunAt),
                    Optional.ofNullable(lastRunTook),
                    Optional.ofNullable(lastError),
                    inProgress,
                    succeeded,
                    failed);
        }
    }
}
