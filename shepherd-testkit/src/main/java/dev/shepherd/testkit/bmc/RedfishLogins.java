package dev.shepherd.testkit.bmc;

import dev.shepherd.testkit.http.HttpMessage;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** The one user, with Basic authentication or with sessions. Safe for use by several threads. */
final class RedfishLogins {

    /** A session that was opened. */
    record Session(String path, String token) {}

    private static final int MOST_SESSIONS = 8;

    private final String user;
    private final String password;
    private final Map<String, String> tokens = new LinkedHashMap<>();
    private int opened;

    RedfishLogins(String user, String password) {
        this.user = user;
        this.password = password;
    }

    String user() {
        return user;
    }

    boolean accepts(Object userGiven, Object passwordGiven) {
        return user.equals(userGiven) && password.equals(passwordGiven);
    }

    /** Tells whether a request is one of the user's. */
    synchronized boolean accepts(HttpMessage request) {
        String basic =
                "Basic " + Base64.getEncoder().encodeToString((user + ":" + password).getBytes(StandardCharsets.UTF_8));
        return request.header("Authorization").filter(basic::equals).isPresent()
                || request.header("X-Auth-Token").filter(tokens::containsValue).isPresent();
    }

    /** Opens a session; empty if there are too many. */
    synchronized Optional<Session> open() {
        if (tokens.size() >= MOST_SESSIONS) {
            return Optional.empty();
        }
        Session session = new Session(
                RedfishShape.SESSIONS + "/" + ++opened, UUID.randomUUID().toString());
        tokens.put(session.path, session.token);
        return Optional.of(session);
    }

    /** Tells whether there is such a session. */
    synchronized boolean has(String path) {
        return tokens.containsKey(path);
    }

    /** Ends a session. */
    synchronized void close(String path) {
        tokens.remove(path);
    }

    /** Returns the paths of the sessions. */
    synchronized List<String> paths() {
        return List.copyOf(tokens.keySet());
    }
}
