package dev.shepherd.bmdb;

/** An end of work waited for its machine for a second, and somebody else still keeps that locked. Nothing was written. */
final class MachineLockedException extends BmdbException {

    private static final long serialVersionUID = 1L;

    MachineLockedException(BmdbException cause) {
        super(
                "somebody keeps the machine locked, in a transaction that does not end: " + cause.getMessage(),
                cause.sqlState().orElse(null),
                cause);
    }
}
