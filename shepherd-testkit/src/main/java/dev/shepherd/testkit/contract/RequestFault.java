package dev.shepherd.testkit.contract;

/** What goes wrong with a single request of a provider to the outside, see {@link Faults#inject(RequestFault, Step, int)}. */
public enum RequestFault {

    /** It takes its effect; the connection ends without an answer. */
    ANSWER_LOST(true, true),

    /** It takes its effect; the beginning of the answer's body arrives, then the connection ends. */
    ANSWER_CUT(true, true),

    /** It takes its effect; the connection is reset (TCP RST) before an answer. */
    RESET(true, true),

    /** It is refused as it stands, as by HTTP 400, without effect. */
    REFUSED(false, false),

    /** It is refused since it conflicts with a state, as by HTTP 409, without effect. */
    CONFLICT(false, false),

    /** It is refused since there were too many, as by HTTP 429 with {@code Retry-After: 7}, without effect. */
    RATE_LIMITED(false, false),

    /** It is answered with a passing failure, as by HTTP 503, without effect. */
    UNAVAILABLE(false, true),

    /** It takes no effect, and is not answered for longer than any provider waits. */
    HANGS_BEFORE(false, true),

    /** It takes its effect, and is not answered for longer than any provider waits. */
    HANGS_AFTER(true, true),

    /** It takes its effect; the head of the answer arrives, and its body does not for longer than any provider waits. */
    HANGS_AFTER_HEAD(true, true);

    private final boolean effective;
    private final boolean unclear;

    RequestFault(boolean effective, boolean unclear) {
        this.effective = effective;
        this.unclear = unclear;
    }

    /** Tells whether the request takes its effect all the same. */
    public boolean isEffective() {
        return effective;
    }

    /** Tells whether its sender cannot know if it took effect. */
    public boolean isUnclear() {
        return unclear;
    }

    /** Tells whether its sender has to wait, until a limit of its own ends that. */
    public boolean isHanging() {
        return this == HANGS_BEFORE || this == HANGS_AFTER || this == HANGS_AFTER_HEAD;
    }
}
