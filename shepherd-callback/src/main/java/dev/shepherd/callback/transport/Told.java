package dev.shepherd.callback.transport;

/**
 * What an agent is told. Immutable, apart from the array, which its maker gives away.
 *
 * @param status what became of the request, as in HTTP; 200 if it was carried out. {@code docs/agents.md} has them
 * @param reason the same in a word, for agents and people; transports decide by the status
 * @param body the answer's message if the request was carried out, else a line for people in UTF-8
 * @param retryAfterMillis when to come again, in milliseconds; 0 says nothing of it
 */
@SuppressWarnings("ArrayRecordComponent")
public record Told(int status, String reason, byte[] body, long retryAfterMillis) {

    /** The status of a request that was carried out. */
    public static final int OK = 200;

    /** The status of one that was malformed. */
    public static final int MALFORMED = 400;

    /** The status of one to a method that is not there. That of one by a machine that is not there is 404. */
    public static final int NO_METHOD = 405;

    /** The status of one whose installation report is for another generation; its heartbeat is recorded. */
    public static final int OTHER_GENERATION = 422;

    /** The status of one that was too many. It is not to be told so at once. */
    public static final int TOO_MANY = 429;
}
