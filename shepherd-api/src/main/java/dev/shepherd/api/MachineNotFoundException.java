package dev.shepherd.api;

/**
 * The provider has no machine with this id. Always {@link ProviderException.Reason#NOT_FOUND}, about the one machine.
 *
 * <p>Thrown by {@link Provider#getMachine} and by {@link Recoverer}, also for an id that the provider cannot have given
 * out. It is an answer, and not a failure of the provider: other machines are called as before, and the updater writes
 * down that this one is missing.
 */
public class MachineNotFoundException extends ProviderException {

    private static final long serialVersionUID = 1L;

    /** Makes the failure with a message that says who has no machine of which id. */
    public MachineNotFoundException(String message) {
        super(Reason.NOT_FOUND, message);
    }
}
