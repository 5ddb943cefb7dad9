package dev.shepherd.web.http;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * A request, whatever server took it. Immutable, except for the content of the body.
 *
 * @param method the method, such as {@code GET}
 * @param path the path below the place where the console is mounted, decoded; begins with a slash
 * @param query what follows the question mark, as it came; empty if there is none
 * @param headers the headers, by their names in lower case; of several with one name the first
 * @param body the content; empty if there is none. A server need not read more than one byte past {@link #LARGEST_BODY}
 * @param secure whether it came over TLS
 * @param user who sends it, where the server knows: in a servlet container, whom its own security found; empty otherwise
 */
public record WebRequest(
        String method,
        String path,
        String query,
        Map<String, String> headers,
        byte[] body,
        boolean secure,
        Optional<String> user) {

    /** The largest body that is taken: 64 KiB. One that is larger is answered with 413. */
    public static final int LARGEST_BODY = 64 * 1024;

    /** Copies the headers. */
    public WebRequest {
        Objects.requireNonNull(method, "method");
        Objects.requireNonNull(query, "query");
        if (!path.startsWith("/")) {
            throw new IllegalArgumentException("a path begins with a slash, unlike \"" + path + "\"");
        }
        Map<String, String> lower = new HashMap<>();
        headers.forEach((name, value) -> lower.put(name.toLowerCase(Locale.ROOT), value));
        headers = Map.copyOf(lower);
        Objects.requireNonNull(user, "user");
    }

    /** A request of which the server does not know who sends it. */
    public WebRequest(
            String method, String path, String query, Map<String, String> headers, byte[] body, boolean secure) {
        this(method, path, query, headers, body, secure, Optional.empty());
    }

    /** Returns a header, by its name in any case. */
    public Optional<String> header(String name) {
        return Optional.ofNullable(headers.get(name.toLowerCase(Locale.ROOT)));
    }

    /** Tells whether it only asks. */
    public boolean reads() {
        return method.equals("GET") || method.equals("HEAD");
    }
}
