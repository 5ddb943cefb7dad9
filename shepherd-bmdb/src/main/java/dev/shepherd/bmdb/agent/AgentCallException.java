package dev.shepherd.bmdb.agent;

import dev.shepherd.api.ShepherdException;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A call of an agent was not carried out, or not all of it. {@link #reason()} is what to decide on. */
public final class AgentCallException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    /** Why a call was not carried out. */
    public enum Reason {
        /** There is no such machine. Nothing was recorded; asking again does not help. */
        UNKNOWN_MACHINE(true),
        /**
         * No agent was started on the machine, as far as the database knows. Nothing was recorded. An agent that has
         * just been started asks again: its start is recorded a moment after it answered its takeover.
         */
        AGENT_NOT_STARTED(true),
        /** Another agent was started on the machine, with another key. Nothing was recorded; this agent ends. */
        WRONG_KEY(true),
        /**
         * The call was not signed later than the last one that was accepted, so it may be one that was repeated. Nothing
         * was recorded; an agent signs with a later time and asks again.
         */
        REPLAYED(true),
        /**
         * The installation report is not for the request that there is. The heartbeat was recorded, no report was.
         * The agent drops that report, and asks for the request that there is.
         */
        OTHER_GENERATION(true),
        /** Too many calls are waiting already. Nothing was recorded; ask again later. */
        QUEUE_FULL(false),
        /** No answer within the limit. It may have been recorded, or may yet be; ask again. */
        TIMED_OUT(false),
        /** The database refused, or could not be reached. Ask again. */
        DATABASE_FAILED(false),
        /** The callback was closed. It may have been recorded; ask another process. */
        CLOSED(false);

        private final boolean answer;

        Reason(boolean answer) {
            this.answer = answer;
        }

        /**
         * Tells whether this is an answer of the database, rather than a failure to get one. The same call at the
         * same moment would be answered the same by every process.
         */
        public boolean isAnswer() {
            return answer;
        }
    }

    private final UUID machineId;
    private final Reason reason;
    private final @Nullable Instant lastSignedTime;

    AgentCallException(
            UUID machineId,
            Reason reason,
            String message,
            @Nullable Instant lastSignedTime,
            @Nullable Throwable cause) {
        super("machine " + machineId + ": " + message, cause);
        this.machineId = machineId;
        this.reason = reason;
        this.lastSignedTime = lastSignedTime;
    }

    /** Makes a copy of a failure that another thread has made, with the caller's stack. */
    AgentCallException(AgentCallException failure) {
        super(String.valueOf(failure.getMessage()), failure);
        this.machineId = failure.machineId;
        this.reason = failure.reason;
        this.lastSignedTime = failure.lastSignedTime;
    }

    /** Returns the machine that the call was for. */
    public UUID machineId() {
        return machineId;
    }

    /** Returns why. */
    public Reason reason() {
        return reason;
    }

    /** Returns when the last call was signed that was accepted, with {@link Reason#REPLAYED}: a later one would be. */
    public Optional<Instant> lastSignedTime() {
        return Optional.ofNullable(lastSignedTime);
    }
}
