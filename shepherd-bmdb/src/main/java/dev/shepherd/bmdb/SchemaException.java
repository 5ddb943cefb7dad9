package dev.shepherd.bmdb;

import org.jspecify.annotations.Nullable;

/** The schema of the database is not the one that this version of the library needs. */
public final class SchemaException extends BmdbException {

    private static final long serialVersionUID = 1L;

    /** What a caller may decide on. More may be added. */
    public enum Reason {
        /** There are no tables of Shepherd where the connection looks for them. */
        ABSENT,
        /** The tables are those of an older version; a process that migrates brings them to this one. */
        OUTDATED,
        /** There are other tables, or another fleet, and it was asked not to begin one beside them. */
        SHARED,
        /** The migration, or the check, failed. */
        FAILED
    }

    private final Reason reason;

    public SchemaException(Reason reason, String message, @Nullable Throwable cause) {
        super(message, null, cause);
        this.reason = reason;
    }

    /** Returns what is wrong, for a caller to decide on. */
    public Reason reason() {
        return reason;
    }
}
