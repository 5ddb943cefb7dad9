package dev.shepherd.api;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A session is no longer alive: it was closed, or its heartbeats did not arrive in time. Another session may already be
 * doing the work that ran under it; nothing it does can be committed any more.
 */
public class SessionExpiredException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    private final UUID sessionId;

    /** Makes the failure of one session. */
    public SessionExpiredException(UUID sessionId, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.sessionId = sessionId;
    }

    /** Returns the id of the lost session. */
    public UUID sessionId() {
        return sessionId;
    }
}
