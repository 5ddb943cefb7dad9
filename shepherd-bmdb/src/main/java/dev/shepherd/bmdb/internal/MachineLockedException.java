package dev.shepherd.bmdb.internal;

import dev.shepherd.bmdb.BmdbException;

/**
 * An end of work waited for its machine for a second, but another transaction keeps that locked. Nothing was written.
 */
public final class MachineLockedException extends BmdbException {

    private static final long serialVersionUID = 1L;

    public MachineLockedException(BmdbException cause) {
        super(
                "another transaction keeps the machine locked and does not end: " + cause.getMessage(),
                cause.sqlState().orElse(null),
                cause);
    }
}
