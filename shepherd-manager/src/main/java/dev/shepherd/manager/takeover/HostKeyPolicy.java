package dev.shepherd.manager.takeover;

/** What a takeover does about the host key of a machine. */
public enum HostKeyPolicy {

    /**
     * A machine's key must be the one that its target names. A target that names none is trusted on first use:
     * the key comes with the result, and the caller names it from then on.
     */
    PIN,

    /**
     * Any key is accepted, regardless of what the target names. An attacker between manager and machine can then pose
     * as the machine, and is sent the password where one is used. For laboratories only.
     */
    ACCEPT_ANY
}
