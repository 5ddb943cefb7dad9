package dev.shepherd.callback;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** Passes connections on, and records all that goes over them, in both directions. */
final class WireTap implements Closeable {

    private final ServerSocket listening;
    private final InetSocketAddress to;
    private final ByteArrayOutputStream recorded = new ByteArrayOutputStream();

    WireTap(InetSocketAddress to) throws IOException {
        this.to = to;
        listening = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        start(this::accept);
    }

    private static void start(Runnable run) {
        Thread thread = new Thread(run, "wire-tap");
        thread.setDaemon(true);
        thread.start();
    }

    int port() {
        return listening.getLocalPort();
    }

    private void accept() {
        try {
            while (true) {
                Socket from = listening.accept();
                Socket on = new Socket(to.getAddress(), to.getPort());
                start(() -> pass(from, on));
                start(() -> pass(on, from));
            }
        } catch (IOException e) {
            // It is closed.
        }
    }

    private void pass(Socket one, Socket other) {
        byte[] part = new byte[8192];
        try (one;
                other) {
            InputStream in = one.getInputStream();
            OutputStream out = other.getOutputStream();
            for (int count = in.read(part); count >= 0; count = in.read(part)) {
                synchronized (recorded) {
                    recorded.write(part, 0, count);
                }
                out.write(part, 0, count);
            }
        } catch (IOException e) {
            // One of them is closed.
        }
    }

    /** Returns all bytes so far, each as a character. */
    String recorded() {
        synchronized (recorded) {
            return recorded.toString(StandardCharsets.ISO_8859_1);
        }
    }

    @Override
    public void close() throws IOException {
        listening.close();
    }
}
