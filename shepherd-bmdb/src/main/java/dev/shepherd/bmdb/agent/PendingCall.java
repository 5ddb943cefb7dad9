package dev.shepherd.bmdb.agent;

import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.agent.AgentCallException.Reason;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A call that waits for its answer, until its deadline. The first answer counts. */
final class PendingCall {

    private final AgentCall call;
    private final Duration timeout;
    private final long startedAt = System.nanoTime();
    private final CompletableFuture<AgentReply> answer = new CompletableFuture<>();

    PendingCall(AgentCall call, Duration timeout) {
        this.call = call;
        this.timeout = timeout;
    }

    AgentCall call() {
        return call;
    }

    CompletableFuture<AgentReply> answer() {
        return answer;
    }

    boolean isAnswered() {
        return answer.isDone();
    }

    /** Returns how long there is until the deadline; not positive once it has passed. */
    Duration left() {
        return timeout.minusNanos(System.nanoTime() - startedAt);
    }

    void succeed(AgentReply reply) {
        answer.complete(reply);
    }

    void fail(Reason reason, @Nullable BmdbException cause) {
        fail(reason, null, cause);
    }

    /** Fails a call that was not signed later than then. */
    void replayed(@Nullable Instant last) {
        fail(Reason.REPLAYED, last, null);
    }

    private void fail(Reason reason, @Nullable Instant lastSignedTime, @Nullable BmdbException cause) {
        if (!answer.isDone()) {
            answer.completeExceptionally(
                    new AgentCallException(call.machineId(), reason, message(reason, cause), lastSignedTime, cause));
        }
    }

    private String message(Reason reason, @Nullable BmdbException cause) {
        return switch (reason) {
            case UNKNOWN_MACHINE -> "it is not in the database";
            case AGENT_NOT_STARTED -> "no agent was started on it";
            case WRONG_KEY -> "the call was not made with its agent's key";
            case REPLAYED -> "its agent's call was not signed later than the last one that was accepted";
            case OTHER_GENERATION ->
                "its installation report, of generation "
                        + call.installationReport()
                                .map(report -> String.valueOf(report.generation()))
                                .orElse("?")
                        + ", is not for the request that there is";
            case QUEUE_FULL -> "its agent's call was refused, since too many are waiting";
            case TIMED_OUT -> "its agent's call was not answered within " + Spans.text(timeout);
            case DATABASE_FAILED -> "its agent's call failed: " + (cause == null ? "" : cause.getMessage());
            case CLOSED -> "its agent's call was abandoned, since the callback was closed";
        };
    }
}
