package dev.shepherd.callback;

import java.util.Map;

/**
 * What an {@link AgentEndpoint} does, and has done since it was made. A snapshot; immutable.
 *
 * @param listening whether it listens
 * @param connections how many connections are open
 * @param maxConnections how many may be open, which is less than was set where the process may not open that many files
 * @param waiting how many requests wait for their signatures to be checked
 * @param requests how many requests were answered, by what they were told; every outcome is there
 * @param evicted how many connections that waited for a request were closed to make room for new ones
 * @param refused how many connections were closed at once, since their address had all that it may have
 * @param tooSlow how many connections were closed since a request or the reading of an answer took too long
 * @param restarts how many times it began to listen again after one of its threads had ended
 */
public record AgentEndpointStatus(
        boolean listening,
        int connections,
        int maxConnections,
        int waiting,
        Map<Outcome, Long> requests,
        long evicted,
        long refused,
        long tooSlow,
        long restarts) {

    /** What a request was told; {@code docs/agents.md} says when. */
    public enum Outcome {
        /** Recorded. */
        OK,
        /** A header or the body is wrong. */
        MALFORMED,
        /** The signature is not by that key and for that request. */
        NOT_SIGNED,
        /** The agent's clock is too far from the one here. */
        OTHER_TIME,
        /** Another agent was started on the machine. */
        WRONG_KEY,
        /** There is no such machine. */
        UNKNOWN_MACHINE,
        /** There is nothing at that path, or not by that method. */
        NOT_FOUND,
        /** No agent was started on the machine, as far as the database knows. */
        AGENT_NOT_STARTED,
        /** The body is too large. */
        TOO_LARGE,
        /** The installation report is for another request than there is. */
        OTHER_GENERATION,
        /** A machine, or an address, calls more often, or sends more, than it may. */
        TOO_MANY,
        /** Too many wait. */
        QUEUE_FULL,
        /** The database refused, or could not be reached. */
        DATABASE_FAILED,
        /** No answer within the limit. */
        TIMED_OUT,
        /** The callback or the endpoint was closed. */
        CLOSED,
        /** What should never happen; the log says what. */
        FAILED
    }

    /** Copies what is given to it. */
    public AgentEndpointStatus {
        requests = Map.copyOf(requests);
    }
}
