package dev.shepherd.testkit;

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

    Relay(SshHost host) throws IOException {
        toHost = new Socket(host.address(), host.port());
        thread = new Thread(this::relay);
        thread.start();
    }

    private void relay() {
        try (Socket toClient = server.accept()) {
            Thread upwards = new Thread(() -> {
                try {
                    toClient.getInputStream().transferTo(toHost.getOutputStream());
                } catch (IOException e) {
                    // The other direction tells.
                }
                closeQuietly(toHost);
            });
            upwards.start();
            byte[] buffer = new byte[8192];
            while (true) {
                int count;
                try {
                    count = toHost.getInputStream().read(buffer);
                } catch (IOException e) {
                    end.complete(e);
                    break;
                }
                if (count < 0) {
                    end.complete(new IOException("the host closed the connection in peace"));
                    break;
                }
                received.addAndGet(count);
                toClient.getOutputStream().write(buffer, 0, count);
            }
            toClient.close();
            upwards.join();
        } catch (IOException | InterruptedException e) {
            end.completeExceptionally(e);
        }
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
