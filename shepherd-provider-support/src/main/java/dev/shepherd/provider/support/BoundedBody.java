package dev.shepherd.provider.support;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import org.jspecify.annotations.Nullable;

/** The body of an answer, up to a size. The JDK has no such subscriber before 25. Safe for use by several threads. */
final class BoundedBody implements BodySubscriber<byte[]> {

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
}
