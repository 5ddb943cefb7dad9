package dev.shepherd.bmdb.internal;

import dev.shepherd.bmdb.BmdbException;

/** An end of work waited for its machine for a second, and somebody else still keeps that locked. Nothing was written. */
public final class MachineLockedException extends BmdbException {

    private static final long serialVersionUID = 1L;

    public MachineLockedException(BmdbException cause) {
        super(
                "somebody keeps the machine locked, in a transaction that does not end: " + cause.getMessage(),
                cause.sqlState().orElse(null),
                cause);
    }
}
