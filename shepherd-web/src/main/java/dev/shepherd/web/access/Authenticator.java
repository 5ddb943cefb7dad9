package dev.shepherd.web.access;

import dev.shepherd.web.http.WebRequest;
import java.util.Optional;

/** Finds out who sends a request. Called by several threads. */
@FunctionalInterface
public interface Authenticator {

    /** Takes everyone for the same person, who has no name. */
    Authenticator NOBODY = request -> Optional.of("");

    /**
     * Returns the name of who sends a request: at most 128 characters, without control characters. Empty if that is not proved: the
     * request is refused with 401.
     */
    Optional<String> authenticate(WebRequest request);

    /** Returns what an answer with 401 says of how to prove it, the header {@code WWW-Authenticate}. */
    default String challenge() {
        return "Basic realm=\"Shepherd\", charset=\"UTF-8\"";
    }
}
