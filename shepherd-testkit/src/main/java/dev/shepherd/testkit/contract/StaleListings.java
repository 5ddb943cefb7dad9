package dev.shepherd.testkit.contract;

import dev.shepherd.testkit.http.HttpMessage;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Remembers what requests for listings were last answered, at most 1,000 of them. Safe for use by several threads. */
final class StaleListings {

    private static final int MOST = 1_000;

    /** The oldest first. */
    private final Map<String, HttpMessage> answers = new LinkedHashMap<>();

    private Map<String, HttpMessage> frozen = Map.of();

    synchronized void remember(HttpMessage request, HttpMessage answer) {
        answers.remove(key(request));
        answers.put(key(request), answer);
        if (answers.size() > MOST) {
            answers.remove(answers.keySet().iterator().next());
        }
    }

    /** Makes {@link #find} find what is remembered now, until this is called again. */
    synchronized void freeze() {
        frozen = Map.copyOf(answers);
    }

    synchronized @Nullable HttpMessage find(HttpMessage request) {
        return frozen.get(key(request));
    }

    private static String key(HttpMessage request) {
        return request.method() + " " + request.target() + "\n" + request.text();
    }
}
