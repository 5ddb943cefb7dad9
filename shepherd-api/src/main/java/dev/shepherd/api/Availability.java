package dev.shepherd.api;

/** What a provider knows of whether a machine is in use by this fleet. */
public enum Availability {

    /** The provider did not say. A machine listed with it is an error, and is never touched. */
    UNDEFINED,

    /**
     * The provider keeps no state and cannot tell. The manager resolves it against the database: used if
     * it is recorded there, unused if not. Needs a valid id and an address.
     */
    POSSIBLY_USED,

    /**
     * Free to be taken, such as an unused hardware reservation. May lack an id and an address. One that has neither an
     * id nor a {@linkplain Machine#reservationId() reservation id} cannot be named, and is passed over with a warning.
     */
    KNOWN_UNUSED,

    /**
     * Deployed for this fleet. Needs a valid id, and an address unless its {@link Machine#status() status} says that
     * it is not running.
     */
    KNOWN_USED
}
