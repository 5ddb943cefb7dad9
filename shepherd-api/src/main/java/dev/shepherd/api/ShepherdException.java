package dev.shepherd.api;

import org.jspecify.annotations.Nullable;

/**
 * The root of all failures that this library reports. Unchecked; its subtypes and their getters say what
 * a caller may decide on, its message is for people.
 */
public class ShepherdException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** Makes a failure with a message for people. */
    public ShepherdException(String message) {
        super(message);
    }

    /** Makes a failure with a message for people and what led to it. */
    public ShepherdException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
