package dev.shepherd.bmdb.recovery;

/**
 * Why a machine is not rebooted or reinstalled though an operator asked for it. Immutable.
 *
 * @param kind what callers decide on
 * @param why who or what is in the way, for people
 */
public record Refusal(Kind kind, String why) {

    /** What is in the way. */
    public enum Kind {
        /** A pause keeps recovery off the machine, or the provider from being called. */
        PAUSED,
        /** Recovery of the machine's location, provider or fleet is frozen. */
        FROZEN,
        /** As many machines are in recovery as may be. */
        AT_LIMIT,
        /** The approval of the gates is none any more. */
        HELD_BACK
    }
}
