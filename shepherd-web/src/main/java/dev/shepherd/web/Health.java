package dev.shepherd.web;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.status.LoopStatus;
import dev.shepherd.web.http.WebRequest;
import dev.shepherd.web.http.WebResponse;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Whether the process is to be restarted ({@code /healthz}), and whether it can do its work ({@code /readyz}). Both answer with one
 * word: they are asked by programs that prove nothing.
 */
final class Health {

    private final Bmdb bmdb;
    private final Optional<Shepherd> shepherd;

    Health(Bmdb bmdb, Optional<Shepherd> shepherd) {
        this.bmdb = bmdb;
        this.shepherd = shepherd;
    }

    /** Answers a request for either; empty for all other requests. */
    Optional<WebResponse> answer(WebRequest request) throws InterruptedException {
        if (!request.reads()) {
            return Optional.empty();
        }
        return switch (request.path()) {
            case "/healthz" -> Optional.of(word(200, "ok"));
            case "/readyz" -> Optional.of(ready());
            default -> Optional.empty();
        };
    }

    private WebResponse ready() throws InterruptedException {
        boolean closed = shepherd.isPresent()
                && shepherd.get().status().loops().stream().anyMatch(loop -> loop.state() == LoopStatus.State.CLOSED);
        if (closed) {
            return word(503, "closed");
        }
        try {
            bmdb.now();
            return word(200, "ready");
        } catch (BmdbException e) {
            return word(503, "database");
        }
    }

    private static WebResponse word(int status, String word) {
        return WebResponse.of(status, "text/plain; charset=utf-8", (word + "\n").getBytes(StandardCharsets.US_ASCII));
    }
}
