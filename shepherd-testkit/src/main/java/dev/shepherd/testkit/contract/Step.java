package dev.shepherd.testkit.contract;

/** What a request of a provider to the outside does there. A call such as a creation may take several of both. */
public enum Step {

    /** It only reads, as by HTTP GET. */
    READ,

    /** It changes something, as by HTTP POST. */
    CHANGE
}
