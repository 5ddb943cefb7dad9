package dev.shepherd.testkit.ssh;

/**
 * How an {@link SshHost} treats its clients.
 *
 * <p>The moods stand in the order in which a takeover meets them. Up to {@link #RESET} a mood takes hold of
 * connections made from then on; the later ones are looked at when a connection gets to that step, so they
 * take hold of open connections too. In every mood the steps before are done as in {@link #NORMAL}.
 */
public enum Mood {

    /** Does everything right. */
    NORMAL,

    /** The port is closed: connecting is refused. Connections that are open stay open. */
    REFUSE,

    /** Accepts the connection and says nothing, for ever. */
    HANG_BEFORE_BANNER,

    /** Sends the line that identifies an SSH server, and then nothing more, for ever. */
    HANG_AFTER_BANNER,

    /**
     * Closes the connection as soon as it is accepted, after the line {@code Exceeded MaxStartups}: what
     * OpenSSH does while more than its {@code MaxStartups} clients are busy logging in. A failure that passes.
     */
    DROP_BEFORE_AUTHENTICATION,

    /** Sends 4 KiB that are no SSH, without the end of a line, and leaves the connection open. */
    GARBAGE,

    /** Resets the connection (TCP RST) after the key exchange, before anybody is authenticated. */
    RESET,

    /** Refuses every key and every password. */
    REJECT_AUTHENTICATION,

    /**
     * Looks at a login that proves to be that of a key or a password that it knows, and never decides: what OpenSSH does
     * while its PAM asks a directory that does not answer.
     */
    HANG_IN_AUTHENTICATION,

    /**
     * Closes the connection instead of letting in a client that has proved to have a key or a password that it knows, after the
     * banner {@code Your account has expired}: what OpenSSH does for an account that its PAM refuses.
     */
    REFUSE_ACCOUNT,

    /** Stops reading at the first bytes of an uploaded file and never acknowledges them. */
    HANG_IN_UPLOAD,

    /**
     * Fails at the first bytes of an uploaded file: no space left on the device. SFTP has no status for that and says
     * no more than that it failed, as with OpenSSH; SCP says it.
     */
    FAIL_UPLOAD,

    /** Closes the connection at the first bytes of an uploaded file. */
    DROP_IN_UPLOAD,

    /** The agent reads the init message and never answers. */
    HANG_IN_AGENT(true),

    /** The agent answers on standard output without an end. */
    ENDLESS_OUTPUT(true),

    /** The agent writes to standard error without an end, and answers nothing. */
    ENDLESS_ERRORS(true),

    /** The agent answers with bytes that are no response, and exits with 0. */
    GARBAGE_ANSWER,

    /** The agent answers nothing, and exits with 0. */
    EMPTY_ANSWER,

    /** The agent answers with success, but for another machine's init message. */
    WRONG_INIT,

    /** The agent answers with success, but its key has 31 bytes. */
    SHORT_KEY,

    /** The agent answers with an error, whose message is {@code the test agent was told to fail}, and exits with 0. */
    AGENT_ERROR,

    /** The agent answers nothing, writes a line to standard error and exits with 3. */
    AGENT_CRASH;

    private final boolean endless;

    Mood() {
        this(false);
    }

    Mood(boolean endless) {
        this.endless = endless;
    }

    /** Tells whether an agent in this mood runs until it is ended. */
    boolean endless() {
        return endless;
    }
}
