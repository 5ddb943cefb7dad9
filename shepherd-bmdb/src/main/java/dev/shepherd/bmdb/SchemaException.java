package dev.shepherd.bmdb;

import org.jspecify.annotations.Nullable;

/** The schema of the database is not the one that this version of the library needs. */
public final class SchemaException extends BmdbException {

    private static final long serialVersionUID = 1L;

    SchemaException(String message, @Nullable Throwable cause) {
        super(message, null, cause);
    }
}
