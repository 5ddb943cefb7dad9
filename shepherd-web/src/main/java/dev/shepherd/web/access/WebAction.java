package dev.shepherd.web.access;

/** What may be done through the console. */
public enum WebAction {
    /** Looking at all there is. */
    READ,
    /** Keeping loops off machines or providers for a while. */
    PAUSE,
    /** Ending a pause. */
    RESUME,
    /** Holding a machine until it is released. */
    QUARANTINE,
    /** Letting the loops back to a quarantined machine. */
    RELEASE,
    /** Ending a freeze of recovery. */
    UNFREEZE,
    /** Trying at once what was put off after a failure. */
    RETRY,
    /** Forgetting the SSH host key of a machine. */
    TRUST,
    /** Having the provider reboot a machine. */
    REBOOT,
    /** Having the provider reinstall a machine. */
    REINSTALL,
    /** Dropping a machine that is gone. */
    FORGET
}
