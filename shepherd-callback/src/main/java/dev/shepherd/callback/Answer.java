package dev.shepherd.callback;

import dev.shepherd.callback.AgentEndpointStatus.Outcome;
import java.nio.charset.StandardCharsets;

/**
 * What an agent is told. Immutable, apart from the array, which its maker gives away.
 *
 * @param status as in HTTP
 * @param outcome what becomes of the request
 * @param body what is sent: a message in protocol buffers if it was carried out, else a line for people
 * @param retryAfterMillis when to come again; 0 says nothing of it
 * @param notBeforeMillis the time that the answer tells is no earlier, in milliseconds since 1970
 */
@SuppressWarnings("ArrayRecordComponent")
record Answer(int status, Outcome outcome, byte[] body, long retryAfterMillis, long notBeforeMillis) {

    static Answer ok(byte[] body) {
        return new Answer(200, Outcome.OK, body, 0, 0);
    }

    static Answer refusal(int status, Outcome outcome, String message) {
        return new Answer(status, outcome, (message + "\n").getBytes(StandardCharsets.UTF_8), 0, 0);
    }

    static Answer tooMany(String message, long retryAfterNanos) {
        long millis = Math.max(1, retryAfterNanos / 1_000_000);
        return new Answer(429, Outcome.TOO_MANY, (message + "\n").getBytes(StandardCharsets.UTF_8), millis, 0);
    }

    /** An answer that says which time is to be passed. */
    static Answer replayed(String message, long lastMillis) {
        byte[] body = (message + "\n").getBytes(StandardCharsets.UTF_8);
        return new Answer(401, Outcome.REPLAYED, body, 0, lastMillis);
    }

    /** An answer that says that it is not the agent's fault. What went wrong is for operators. */
    static Answer unavailable(int status, Outcome outcome) {
        return new Answer(status, outcome, "try again\n".getBytes(StandardCharsets.UTF_8), 1000, 0);
    }

    boolean isOk() {
        return status == 200;
    }

    boolean isTooMany() {
        return outcome == Outcome.TOO_MANY;
    }
}
