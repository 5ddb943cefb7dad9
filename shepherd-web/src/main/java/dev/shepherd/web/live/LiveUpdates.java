package dev.shepherd.web.live;

import dev.shepherd.web.http.LiveStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;

/**
 * The pages that are open and wait to be told that something changed. All that they are told is that, by server-sent events.
 *
 * <p>No client can hold up another, or the thread that tells them: to each at most {@value #MOST_BYTES} bytes are sent, and then its
 * connection is ended, which browsers take for a reason to come again. So few fit into what the system keeps for a connection whose
 * other end does not read. A client that has gone is noticed by the failed write of the next event, or of the sign of life that
 * every one gets from time to time.
 *
 * <p>Safe for use by several threads.
 */
public final class LiveUpdates {

    /** How many pages may wait at once. */
    public static final int MOST_CLIENTS = 1000;

    /** What is sent to one client at most: a quarter of the smallest buffer for sending that a system has. */
    static final int MOST_BYTES = 4096;

    private static final byte[] HELLO = bytes("retry: 5000\n\n");
    private static final byte[] CHANGED = bytes("event: changed\ndata:\n\n");
    private static final byte[] SIGN_OF_LIFE = bytes(":\n\n");
    private static final Duration LIFE = Duration.ofSeconds(15);

    private final Set<Waiting> clients = new HashSet<>();
    private boolean closed;
    private String version = "";
    private long toldAt = System.nanoTime();

    private static final class Waiting {
        private final LiveStream.Client client;
        private int sent;

        Waiting(LiveStream.Client client) {
            this.client = client;
        }

        /** Sends something. Returns whether the client goes on waiting. */
        boolean send(byte[] event) {
            sent += event.length;
            if (sent > MOST_BYTES) {
                return false;
            }
            try {
                client.send(event);
                return true;
            } catch (IOException e) {
                return false;
            }
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /** Returns whether one more client may wait. */
    public synchronized boolean hasRoom() {
        return !closed && clients.size() < MOST_CLIENTS;
    }

    /** Has a client wait, or ends its connection if there are too many. */
    public void add(LiveStream.Client client) {
        Waiting waiting = new Waiting(client);
        boolean waits;
        synchronized (this) {
            waits = hasRoom() && waiting.send(HELLO);
            if (waits) {
                clients.add(waiting);
            }
        }
        if (!waits) {
            client.close();
        }
    }

    /** Tells all clients if the version is another one than before, and gives a sign of life otherwise, now and then. */
    public synchronized void tell(String now) {
        boolean changed = !now.equals(version);
        long nanos = System.nanoTime();
        if (changed || nanos - toldAt >= LIFE.toNanos()) {
            version = now;
            toldAt = nanos;
            byte[] event = changed ? CHANGED : SIGN_OF_LIFE;
            clients.removeIf(client -> {
                boolean goes = !client.send(event);
                if (goes) {
                    client.client.close();
                }
                return goes;
            });
        }
    }

    /** Returns how many clients wait. */
    public synchronized int size() {
        return clients.size();
    }

    /** Ends all connections, and takes no more. */
    public synchronized void close() {
        closed = true;
        clients.forEach(client -> client.client.close());
        clients.clear();
    }
}
