package dev.shepherd.manager.takeover.ssh;

import dev.shepherd.api.internal.Escaped;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The socket of one takeover. It sees directly what the SSH library only reports as text: that the host closed the
 * connection, what it said before it identified itself, and who reads.
 */
final class MonitoredSocket extends Socket {

    /** A server may say something before it identifies itself (RFC 4253, 4.2), but not for ever. */
    private static final int MAX_GREETING = 8 * 1024;

    /** An identification has at most 255 bytes. */
    private static final int MAX_GREETING_LINE = 1024;

    private static final byte[] IDENTIFICATION = {'S', 'S', 'H', '-'};

    private final Set<Thread> readers = ConcurrentHashMap.newKeySet();
    private final AtomicInteger writes = new AtomicInteger();
    private volatile @Nullable Thread owner;
    private final Greeting greeting = new Greeting();
    private volatile boolean closing;
    private volatile @Nullable String lost;
    private volatile boolean closedByHost;
    private volatile long maxBytes = Long.MAX_VALUE;
    private volatile boolean flooded;
    private long received;
    private @Nullable InputStream input;
    private @Nullable OutputStream output;

    /** Tells how the connection was lost; null as long as it was not, or if it was closed from this side first. */
    @Nullable
    String lost() {
        return lost;
    }

    /** Tells whether the host closed the connection in an orderly way, before it was closed from this side. */
    boolean isClosedByHost() {
        return closedByHost;
    }

    /** Returns what the host said up to and without its identification; all it said if it never identified itself. */
    String greeting() {
        return greeting.text();
    }

    boolean isIdentified() {
        return greeting.identified;
    }

    /**
     * Tells whether the host said something else than the beginning of an identification, and never identified itself.
     */
    boolean isSpeaking() {
        return greeting.isSpeech();
    }

    /** Tells whether the host said too much without identifying itself. */
    boolean isTalkative() {
        return greeting.endless;
    }

    /**
     * Sets how much the host may send in all. The library answers or passes over much that a host may send without
     * being asked, for as long as it comes.
     */
    void limit(long bytes) {
        maxBytes = bytes;
    }

    /** Tells whether the host sent more than it may. */
    boolean isFlooded() {
        return flooded;
    }

    /**
     * Waits for the thread that the library reads with to end, for a while, once this socket is closed. It is started
     * between the library's first write, which is our identification, and its second; it may not have come to read yet.
     */
    void awaitReader(Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
        boolean interrupted = false;
        synchronized (readers) {
            while (writes.get() > 1 && readers.isEmpty() && deadline - System.nanoTime() > 0) {
                try {
                    TimeUnit.NANOSECONDS.timedWait(readers, Math.max(1_000_000, deadline - System.nanoTime()));
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        for (Thread reader : readers) {
            Threads.awaitEnd(reader, patience);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void addReader(Thread thread) {
        if (thread != owner && readers.add(thread)) {
            synchronized (readers) {
                readers.notifyAll();
            }
        }
    }

    @Override
    public void connect(SocketAddress address, int timeoutMillis) throws IOException {
        owner = Thread.currentThread();
        super.connect(address, timeoutMillis);
    }

    @Override
    @SuppressWarnings("UnsynchronizedOverridesSynchronized") // What it closes must not be able to hold it up.
    public void close() throws IOException {
        closing = true;
        super.close();
    }

    @Override
    public synchronized InputStream getInputStream() throws IOException {
        if (input == null) {
            input = new Input(super.getInputStream());
        }
        return input;
    }

    @Override
    public synchronized OutputStream getOutputStream() throws IOException {
        if (output == null) {
            output = new Output(super.getOutputStream());
        }
        return output;
    }

    private void lose(String how) {
        if (!closing && lost == null) {
            lost = how;
        }
    }

    private final class Input extends FilterInputStream {

        private Input(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            addReader(Thread.currentThread());
            int count;
            try {
                count = super.read(bytes, offset, length);
            } catch (IOException e) {
                lose(String.valueOf(e.getMessage()));
                throw e;
            }
            if (count < 0) {
                closedByHost |= !closing && lost == null;
                lose("the host closed it");
            } else {
                greeting.add(bytes, offset, count);
                // One thread reads at a time: that of the takeover until the host has identified itself, then the
                // library's.
                received += count;
                if (received > maxBytes) {
                    flooded = true;
                    throw new IOException("more than " + maxBytes + " bytes");
                }
            }
            return count;
        }

        @Override
        public void close() throws IOException {
            MonitoredSocket.this.close();
        }
    }

    private final class Output extends FilterOutputStream {

        private Output(OutputStream out) {
            super(out);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            writes.incrementAndGet();
            try {
                out.write(bytes, offset, length);
            } catch (IOException e) {
                lose(String.valueOf(e.getMessage()));
                throw e;
            }
        }

        @Override
        public void close() throws IOException {
            MonitoredSocket.this.close();
        }
    }

    /** Follows what is read until the host has identified itself. The library itself would listen without an end. */
    private static final class Greeting {

        private final ByteArrayOutputStream said = new ByteArrayOutputStream();
        private final ByteArrayOutputStream line = new ByteArrayOutputStream();
        private volatile boolean identified;
        private volatile boolean endless;

        private synchronized void add(byte[] bytes, int offset, int count) throws IOException {
            for (int i = offset; i < offset + count && !identified; i++) {
                line.write(bytes[i]);
                if (bytes[i] == '\n') {
                    if (startsWithIdentification(line.toByteArray())) {
                        identified = true;
                    } else {
                        said.writeBytes(line.toByteArray());
                    }
                    line.reset();
                } else if (line.size() > MAX_GREETING_LINE || said.size() + line.size() > MAX_GREETING) {
                    endless = true;
                    throw new IOException("no SSH identification in " + (said.size() + line.size()) + " bytes");
                }
            }
        }

        private synchronized String text() {
            byte[] all = said.toByteArray();
            return Escaped.bytes(all, 80) + (identified ? "" : Escaped.bytes(line.toByteArray(), 80));
        }

        private synchronized boolean isSpeech() {
            byte[] rest = line.toByteArray();
            boolean beginning = rest.length < IDENTIFICATION.length
                    ? Arrays.equals(rest, Arrays.copyOf(IDENTIFICATION, rest.length))
                    : startsWithIdentification(rest);
            return !identified && (said.size() > 0 || !beginning);
        }

        private static boolean startsWithIdentification(byte[] line) {
            for (int i = 0; i < IDENTIFICATION.length; i++) {
                if (i >= line.length || line[i] != IDENTIFICATION[i]) {
                    return false;
                }
            }
            return true;
        }
    }
}
