package dev.shepherd.provider.equinix;

import dev.shepherd.api.ProviderException;

/** The API answered 403. Whether that is about the token or about one device has yet to be found out. */
final class ForbiddenException extends ProviderException {

    private static final long serialVersionUID = 1L;

    ForbiddenException(String message) {
        super(Reason.UNAUTHENTICATED, message);
    }
}
