package dev.shepherd.api;

import dev.shepherd.api.internal.Escaped;
import org.jspecify.annotations.Nullable;

/**
 * The root of all failures that this library reports. Unchecked; its subtypes and their getters say what a caller may
 * decide on, its message is for people.
 *
 * <p>The message is one line that a log or a terminal can show, even if it holds text of others: line breaks and other
 * control characters, marks that turn the direction of text and characters that cannot be seen are escaped, such as
 * {@code \n}; what is beyond 65,536 characters is cut off. What a cause says is its own.
 */
public class ShepherdException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /**
     * Makes a failure with a message for people, which becomes one line. Null stands for no message.
     */
    public ShepherdException(@Nullable String message) {
        this(message, null);
    }

    /** Makes a failure with a message for people, as above, and what led to it. */
    public ShepherdException(@Nullable String message, @Nullable Throwable cause) {
        super(message == null ? null : Escaped.text(message), cause);
    }
}
