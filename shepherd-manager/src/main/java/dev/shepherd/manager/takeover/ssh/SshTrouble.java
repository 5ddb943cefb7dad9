package dev.shepherd.manager.takeover.ssh;

/**
 * What a connection saw go wrong. What that means for the machine depends on how far the takeover was, which a
 * connection does not know.
 *
 * @param sort what was seen
 * @param text the same for people, with what the host said if it said something
 */
public record SshTrouble(Sort sort, String text) {

    /** What can be seen. */
    public enum Sort {

        /** The host breaks the protocol, or shows a key that proves nothing, or sends without end. */
        PROTOCOL,

        /** The host shows another key than the pinned one. */
        OTHER_HOST_KEY,

        /** The host ended the connection, and says that it has too many of them or lost this one. */
        BUSY,

        /** The host ended the connection, and says that it does not want this one. */
        UNWANTED,

        /** The host ended the connection, and says that the login is why. */
        LOGIN_REFUSED,

        /** The host ended the connection with PROTOCOL_ERROR: so does OpenSSH after too many failed logins. */
        PROTOCOL_ERROR,

        /** The connection was lost after the host had said something that is not SSH. */
        TURNED_AWAY,

        /** The host closed the connection in an orderly way, without a word. */
        CLOSED_BY_HOST,

        /** The connection was lost in another way. */
        LOST,

        /** The connection is fine as far as it can tell. The text is the failure's own. */
        NONE
    }
}
