package dev.shepherd.api;

/** The provider cannot do this at all. Always {@link ProviderException.Reason#NOT_SUPPORTED}. */
public class NotSupportedException extends ProviderException {

    private static final long serialVersionUID = 1L;

    /** Makes the failure with a message that says who cannot do what. */
    public NotSupportedException(String message) {
        super(Reason.NOT_SUPPORTED, message);
    }
}
