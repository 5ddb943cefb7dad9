package dev.shepherd.provider.support;

import dev.shepherd.provider.support.CallThreads.OwnedClient;
import java.net.http.HttpClient;
import org.jspecify.annotations.Nullable;

/**
 * The HTTP client of some calls: made at the first of them, and replaced where one leaves its connection open for ever.
 *
 * <p>The JDK's client does so after an answer that is not HTTP. Nothing but the end of the client closes that connection,
 * so it is retired: calls that are under way go on, later ones get another, and the last one out ends it. Before JDK 21
 * a client cannot be closed: its thread ends, and that connection lasts until the other side closes it. Safe for use by
 * several threads.
 */
final class HttpClients {

    private final CallThreads threads;
    private final HttpClient.Builder builder;
    private final Object lock = new Object();

    /** What calls get from now on. Guarded by {@link #lock}. */
    private @Nullable Use current;

    HttpClients(CallThreads threads, HttpClient.Builder builder) {
        this.threads = threads;
        this.builder = builder;
    }

    /** A client with the calls that are under way on it, whose number is guarded by {@link HttpClients#lock}. */
    static final class Use {
        private final OwnedClient owned;
        private int calls;

        Use(OwnedClient owned) {
            this.owned = owned;
        }

        HttpClient client() {
            return owned.client();
        }
    }

    /** Returns the client for one call, after which {@link #release} follows. */
    Use use() {
        synchronized (lock) {
            Use use = current;
            if (use == null) {
                use = new Use(threads.ownedClient(builder));
                current = use;
            }
            use.calls++;
            return use;
        }
    }

    /** Ends a call. */
    void release(Use use, boolean retire) {
        boolean last;
        synchronized (lock) {
            use.calls--;
            if (retire && current == use) {
                current = null;
            }
            last = use.calls == 0 && current != use;
        }
        if (last) {
            use.owned.end();
        }
    }
}
