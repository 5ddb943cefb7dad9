package dev.shepherd.testkit.ssh;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/** Stands between a client and a host for one connection, and sees how the host ends it. */
final class Relay implements AutoCloseable {

    private final ServerSocket server = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
    private final CompletableFuture<IOException> end = new CompletableFuture<>();
    private final AtomicLong received = new AtomicLong();
    private final Socket toHost;
    private final Thread thread;
    private volatile IOException writeFailure;

    Relay(SshHost host) throws IOException {
        toHost = new Socket(host.address(), host.port());
        thread = new Thread(this::relay);
        thread.start();
    }

    private void relay() {
        try (Socket toClient = server.accept()) {
            Thread upwards = new Thread(() -> relayUpwards(toClient));
            upwards.start();
            IOException seen = relayDownwards(toClient);
            toClient.close();
            upwards.join();
            // The kernel tells of a reset once: to whichever of the two directions asks first.
            IOException seenAbove = writeFailure;
            end.complete(seenAbove != null && isReset(seenAbove) ? seenAbove : seen);
        } catch (IOException | InterruptedException e) {
            end.completeExceptionally(e);
        }
    }

    /** Passes on what the host says and returns how it stopped. */
    private IOException relayDownwards(Socket toClient) throws IOException {
        byte[] buffer = new byte[8192];
        while (true) {
            int count;
            try {
                count = toHost.getInputStream().read(buffer);
            } catch (IOException e) {
                return e;
            }
            if (count < 0) {
                return new IOException("the host closed the connection in peace");
            }
            received.addAndGet(count);
            toClient.getOutputStream().write(buffer, 0, count);
        }
    }

    private void relayUpwards(Socket toClient) {
        byte[] buffer = new byte[8192];
        while (true) {
            int count;
            try {
                count = toClient.getInputStream().read(buffer);
            } catch (IOException e) {
                count = -1;
            }
            if (count < 0) {
                closeQuietly(toHost);
                return;
            }
            try {
                toHost.getOutputStream().write(buffer, 0, count);
            } catch (IOException e) {
                // The connection stays open, for the other direction to see its end.
                writeFailure = e;
                return;
            }
        }
    }

    private static boolean isReset(IOException failure) {
        return String.valueOf(failure.getMessage()).contains("reset");
    }

    private static void closeQuietly(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            // Closed is closed.
        }
    }

    int port() {
        return server.getLocalPort();
    }

    long bytesReceived() {
        return received.get();
    }

    /** Returns how the host ended the connection. */
    IOException end() throws InterruptedException, ExecutionException, TimeoutException {
        return end.get(20, TimeUnit.SECONDS);
    }

    @Override
    public void close() throws IOException, InterruptedException {
        server.close();
        toHost.close();
        thread.join();
    }
}
