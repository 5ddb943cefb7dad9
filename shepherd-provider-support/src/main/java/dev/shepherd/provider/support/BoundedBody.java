package dev.shepherd.provider.support;

import java.io.IOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.nio.ByteBuffer;
import java.util.ArrayList;
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

    private static final int FIRST_BLOCK = 4 * 1024;
    private static final int BLOCK = 64 * 1024;

    private final int maxBytes;
    private final boolean fails;
    private final CompletableFuture<byte[]> body = new CompletableFuture<>();
    private final Object lock = new Object();

    /**
     * What has come, in blocks of which all but the last are full: a stream that doubles its array would take three times
     * as much. Guarded by {@link #lock}, as what follows.
     */
    private final List<byte[]> blocks = new ArrayList<>();

    private int length;
    private int roomInLast;
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

    /** Makes one that receives nothing, and fails. */
    static BoundedBody refused(String why) {
        BoundedBody refused = new BoundedBody(0, true);
        refused.body.completeExceptionally(new IOException(why));
        return refused;
    }

    /** Returns what has come so far. */
    byte[] soFar() {
        synchronized (lock) {
            byte[] all = new byte[length];
            int copied = 0;
            for (byte[] block : blocks) {
                int taken = Math.min(block.length, length - copied);
                System.arraycopy(block, 0, all, copied, taken);
                copied += taken;
            }
            return all;
        }
    }

    @Override
    public CompletionStage<byte[]> getBody() {
        return body;
    }

    @Override
    public void onSubscribe(Flow.Subscription subscription) {
        if (this.subscription != null || body.isDone()) {
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
                    forget();
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
            int taken = Math.min(maxBytes - length, buffer.remaining());
            boolean all = taken == buffer.remaining();
            while (taken > 0) {
                if (roomInLast == 0) {
                    roomInLast = Math.min(blocks.isEmpty() ? FIRST_BLOCK : BLOCK, maxBytes - length);
                    blocks.add(new byte[roomInLast]);
                }
                byte[] last = blocks.get(blocks.size() - 1);
                int fitting = Math.min(taken, roomInLast);
                buffer.get(last, last.length - roomInLast, fitting);
                roomInLast -= fitting;
                length += fitting;
                taken -= fitting;
            }
            return all;
        }
    }

    /** Lets go of what has come. */
    private void forget() {
        synchronized (lock) {
            blocks.clear();
            length = 0;
            roomInLast = 0;
        }
    }

    @Override
    public void onError(Throwable failure) {
        body.completeExceptionally(failure);
    }

    @Override
    public void onComplete() {
        byte[] all = soFar();
        if (fails) {
            forget();
        }
        body.complete(all);
    }
}
