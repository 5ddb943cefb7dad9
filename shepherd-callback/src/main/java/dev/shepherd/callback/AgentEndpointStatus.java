package dev.shepherd.callback;

import java.time.Instant;
import java.util.Map;
import java.util.Optional;

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
 * @param handshakes what became of TLS handshakes; every outcome is there, and all are 0 without TLS
 * @param certificateEnd when the certificate ends that new connections are shown; empty without TLS
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
        Map<Handshake, Long> handshakes,
        Optional<Instant> certificateEnd,
        long restarts) {

    /** What became of a connection to a port that speaks TLS. */
    public enum Handshake {
        /** It was made, and the client showed a certificate whose key it has. */
        WITH_CERTIFICATE,
        /** It was made, and the client showed no certificate: its requests are to be signed. */
        WITHOUT_CERTIFICATE,
        /** The client spoke something other than TLS. */
        NOT_TLS,
        /** The two sides did not agree; the client may not trust the endpoint's certificate. */
        FAILED,
        /** The client closed the connection before it was made. */
        ABANDONED,
        /** It took too long. */
        TIMED_OUT,
        /** It was refused, since its address had begun as many as it may. */
        TOO_MANY
    }

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
        /** The request was not signed later than the last one that was accepted: it may be a repeated one. */
        REPLAYED,
        /** The client has shown no certificate, and over gRPC it must. */
        CERTIFICATE_REQUIRED,
        /** The client's certificate is not valid at this time. */
        CERTIFICATE_EXPIRED,
        /** The key of the client's certificate is not an ed25519 one. */
        CERTIFICATE_UNSUPPORTED,
        /** The port speaks TLS, and the request came without. */
        TLS_REQUIRED,
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
        handshakes = Map.copyOf(handshakes);
    }
}
