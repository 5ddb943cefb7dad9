package dev.shepherd.api;

/**
 * What was to be recorded contradicts what the database already holds: the intent has become another machine, or the
 * machine is recorded under another intent. Trying again does not help, unlike after
 * {@link ProviderException.Reason#CONFLICT}.
 */
public class AlreadyRecordedException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    /** Makes the failure with a message that names both sides. */
    public AlreadyRecordedException(String message) {
        super(message);
    }
}
