package dev.shepherd.bmdb;

import dev.shepherd.api.ShepherdException;
import dev.shepherd.bmdb.internal.SqlStates;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The database refused something or could not be reached. Nothing was committed, unless it is a
 * {@link CommitOutcomeUnknownException}.
 */
public class BmdbException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    private final @Nullable String sqlState;

    public BmdbException(String message, @Nullable String sqlState, @Nullable Throwable cause) {
        super(message, cause);
        this.sqlState = sqlState;
    }

    /** Returns the five-character SQLSTATE that the database gave, if it gave one. */
    public Optional<String> sqlState() {
        return Optional.ofNullable(sqlState);
    }

    /**
     * Tells whether the database could not be reached, its server was ending, or it was no longer the primary: the same
     * may succeed as soon as there is a primary. False if it refused something.
     */
    public boolean isDatabaseAway() {
        return SqlStates.isConnectionFailure(sqlState) || SqlStates.isNotPrimary(sqlState);
    }
}
