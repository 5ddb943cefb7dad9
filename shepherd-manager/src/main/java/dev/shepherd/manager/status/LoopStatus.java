package dev.shepherd.manager.status;

import dev.shepherd.api.ProviderType;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * What one loop is doing. A snapshot; immutable.
 *
 * @param name the kind of loop, such as {@code provisioner}
 * @param provider the provider that it works for
 * @param state whether it runs
 * @param waitingFor what it does or waits for now, for people
 * @param nextRunAt when its next step begins, by the manager's clock, unless something wakes it earlier; empty while it
 *     does one
 * @param lastRunAt when its last step began, by the manager's clock
 * @param lastRunTook how long that step took, if it has ended
 * @param lastError the last failure, if there was any
 * @param inProgress how many machines are being worked on now
 * @param succeeded how many machines were worked on with success since the start
 * @param failed how many times working on a machine failed since the start
 */
public record LoopStatus(
        String name,
        ProviderType provider,
        State state,
        String waitingFor,
        Optional<Instant> nextRunAt,
        Optional<Instant> lastRunAt,
        Optional<Duration> lastRunTook,
        Optional<LastError> lastError,
        int inProgress,
        long succeeded,
        long failed) {

    /** Whether a loop runs. */
    public enum State {
        /** Not started yet. */
        NEW,
        /** Started. */
        RUNNING,
        /** Closed; it does not run again. */
        CLOSED
    }

    /**
     * Something that went wrong.
     *
     * @param at when, by the manager's clock
     * @param message what, for people; never a secret
     * @param current whether it is still so: false once a later step or machine succeeded
     */
    public record LastError(Instant at, String message, boolean current) {}
}
