package dev.shepherd.web.access;

import dev.shepherd.web.http.WebRequest;
import java.util.Optional;

/** Finds out who sends a request. Called by several threads. */
@FunctionalInterface
public interface Authenticator {

    /** Takes all requests, without asking who sends them. */
    Authenticator ANONYMOUS = request -> Optional.of("");

    /**
     * Takes the server's word: right where one before the console decides who gets there, as the security of a servlet container does.
     * Those whom it lets through without a name may look, but change nothing.
     */
    Authenticator SERVER = request -> Optional.of(request.user().orElse(""));

    /**
     * Returns the name of who sends a request: one line of at most 128 characters; blank if people have no names here. Nothing is
     * returned if it is not proved: the request is refused with 401.
     */
    Optional<String> authenticate(WebRequest request);

    /** Returns what an answer with 401 says of how to prove it, the header {@code WWW-Authenticate}. */
    default String challenge() {
        return "Basic realm=\"Shepherd\", charset=\"UTF-8\"";
    }
}
