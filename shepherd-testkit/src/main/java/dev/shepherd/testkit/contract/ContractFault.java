package dev.shepherd.testkit.contract;

/**
 * What goes wrong between a provider and the outside, such as its API. A fixture lets in those that it can, see
 * {@link ProviderContract#inject}; rules on others are skipped.
 */
public enum ContractFault {

    /**
     * The next call that changes something outside (a creation, a reboot, a reinstallation) takes its effect, and its
     * answer is lost. Calls after it are answered.
     */
    LOST_ANSWER,

    /** Until it is healed: listings show what was there when the fault was let in. Single machines are shown as they are. */
    STALE_LISTING,

    /** Until it is healed: the outside names one machine twice in its listing. */
    DUPLICATE_MACHINE,

    /** Until it is healed: calls that change something are refused since they conflict with a state, as by HTTP 409. */
    CONFLICT,

    /** Until it is healed: no call is let in since there were too many, as by HTTP 429. */
    RATE_LIMITED,

    /** Until it is healed: no call is let in since the credentials are refused, as by HTTP 401. */
    UNAUTHENTICATED,

    /** Until it is healed: no call arrives, or every one is answered with a passing failure, as by HTTP 503. */
    UNREACHABLE,

    /**
     * Until it is healed: calls arrive and are not answered for longer than 2 s. Let in before the provider is made, which
     * may then be one that waits less long than usual: to save time, a second will do.
     */
    HANGING
}
