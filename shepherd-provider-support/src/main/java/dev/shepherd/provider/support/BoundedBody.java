package dev.shepherd.provider.support;

import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodySubscriber;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/**
 * Bodies that end. {@link HttpCalls} bounds its own; {@link #limit} is for generated clients, which read whatever comes.
 */
public final class BoundedBody implements BodySubscriber<byte[]> {

    /** A body was longer than allowed. */
    static final class TooLongException extends IOException {
        private static final long serialVersionUID = 1L;

        TooLongException(long maxBytes) {
            super("the answer is longer than " + maxBytes + " bytes");
        }
    }

    private final int maxBytes;
    private final boolean fails;
    private final CompletableFuture<byte[]> body = new CompletableFuture<>();
    private final Object lock = new Object();
    private final ByteArrayOutputStream received = new ByteArrayOutputStream(); // Guarded by lock.
    private Flow.@Nullable Subscription subscription;

    private BoundedBody(int maxBytes, boolean fails) {
        this.maxBytes = maxBytes;
        this.fails = fails;
    }

    /** Makes one that fails where a body is longer; no more of it is received then. */
    static BoundedBody upTo(int maxBytes) {
        return new BoundedBody(maxBytes, true);
    }

    /** Makes one that cuts off what is beyond; no more of it is received then. */
    static BoundedBody beginningOf(int maxBytes) {
        return new BoundedBody(maxBytes, false);
    }

    /**
     * Returns an answer whose body fails with an {@link IOException} where it is longer than allowed.
     *
     * @param maxBytes the most to be read
     */
    public static HttpResponse<InputStream> limit(HttpResponse<InputStream> response, long maxBytes) {
        return new Limited(response, maxBytes);
    }

    /** Returns what has come so far. */
    byte[] soFar() {
        synchronized (lock) {
            return received.toByteArray();
        }
    }

    @Override
    public CompletionStage<byte[]> getBody() {
        return body;
    }

    @Override
    public void onSubscribe(Flow.Subscription subscription) {
        if (this.subscription != null) {
            subscription.cancel();
            return;
        }
        this.subscription = subscription;
        subscription.request(1);
    }

    @Override
    public void onNext(List<ByteBuffer> buffers) {
        Flow.Subscription current = subscription;
        if (current == null || body.isDone()) {
            return;
        }
        for (ByteBuffer buffer : buffers) {
            if (!take(buffer)) {
                current.cancel();
                if (fails) {
                    body.completeExceptionally(new TooLongException(maxBytes));
                } else {
                    body.complete(soFar());
                }
                return;
            }
        }
        current.request(1);
    }

    /** Returns whether there was room for all of it. */
    private boolean take(ByteBuffer buffer) {
        synchronized (lock) {
            int room = maxBytes - received.size();
            byte[] bytes = new byte[Math.min(room, buffer.remaining())];
            boolean all = bytes.length == buffer.remaining();
            buffer.get(bytes);
            received.write(bytes, 0, bytes.length);
            return all;
        }
    }

    @Override
    public void onError(Throwable failure) {
        body.completeExceptionally(failure);
    }

    @Override
    public void onComplete() {
        body.complete(soFar());
    }

    private record Limited(HttpResponse<InputStream> response, long maxBytes) implements HttpResponse<InputStream> {

        @Override
        public @Nullable InputStream body() {
            InputStream body = response.body();
            return body == null ? null : new LimitedStream(body, maxBytes);
        }

        @Override
        public int statusCode() {
            return response.statusCode();
        }

        @Override
        public HttpRequest request() {
            return response.request();
        }

        @Override
        public Optional<HttpResponse<InputStream>> previousResponse() {
            return response.previousResponse();
        }

        @Override
        public HttpHeaders headers() {
            return response.headers();
        }

        @Override
        public Optional<SSLSession> sslSession() {
            return response.sslSession();
        }

        @Override
        public URI uri() {
            return response.uri();
        }

        @Override
        public HttpClient.Version version() {
            return response.version();
        }
    }

    private static final class LimitedStream extends FilterInputStream {
        private final long maxBytes;
        private long left;

        LimitedStream(InputStream in, long maxBytes) {
            super(in);
            this.maxBytes = maxBytes;
            this.left = maxBytes;
        }

        @Override
        public int read() throws IOException {
            int read = super.read();
            count(read < 0 ? 0 : 1);
            return read;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            int read = super.read(buffer, offset, length);
            count(Math.max(read, 0));
            return read;
        }

        private void count(int read) throws IOException {
            left -= read;
            if (left < 0) {
                throw new TooLongException(maxBytes);
            }
        }
    }
}
