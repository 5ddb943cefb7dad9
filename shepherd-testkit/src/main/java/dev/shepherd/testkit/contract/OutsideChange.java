package dev.shepherd.testkit.contract;

/** What becomes of a machine outside, see {@link ProviderContract#change}. */
public enum OutsideChange {

    /** A free machine breaks, or goes into maintenance: it is not to be used. */
    FAILED,

    /** A machine is another fleet's. */
    FOREIGN,

    /** A free machine has no address. */
    WITHOUT_ADDRESS,

    /** What the outside says of a free machine makes no sense: a word that is unknown, a field of another type or none. */
    MALFORMED,

    /** A machine in use is switched off. */
    STOPPED,

    /** A machine in use is being made again, and is not running yet. */
    IN_CREATION,

    /** The outside does not have the machine any more. */
    GONE
}
