package dev.shepherd.api;

/** There is no machine left to create. Always {@link ProviderException.Reason#NO_CAPACITY}. */
public class NoCapacityException extends ProviderException {

    private static final long serialVersionUID = 1L;

    /** Makes the failure with a message that says what was looked for. */
    public NoCapacityException(String message) {
        super(Reason.NO_CAPACITY, message);
    }
}
