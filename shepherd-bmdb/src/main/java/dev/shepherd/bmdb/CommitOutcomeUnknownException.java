package dev.shepherd.bmdb;

import org.jspecify.annotations.Nullable;

/**
 * The connection broke while a transaction was being committed: it may or may not have been. Read the
 * database to find out; do not simply repeat it.
 */
public final class CommitOutcomeUnknownException extends BmdbException {

    private static final long serialVersionUID = 1L;

    public CommitOutcomeUnknownException(String message, @Nullable String sqlState, @Nullable Throwable cause) {
        super(message, sqlState, cause);
    }
}
