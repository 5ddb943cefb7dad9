package dev.shepherd.api;

/** What was to be recorded contradicts what the database already holds. Trying again does not help. */
public class ConflictException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    /** Makes the failure with a message that names both sides. */
    public ConflictException(String message) {
        super(message);
    }
}
