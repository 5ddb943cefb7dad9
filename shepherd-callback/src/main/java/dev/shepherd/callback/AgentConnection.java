package dev.shepherd.callback;

import dev.shepherd.callback.AgentEndpointStatus.Outcome;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufHolder;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.NetUtil;
import io.netty.util.ReferenceCountUtil;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One connection of an agent: reads a request, hands it on, writes the answer, and reads the next. Nothing is read
 * while an answer is pending, so that no more than one buffer of requests waits here; each step has a deadline. All
 * fields belong to the connection's event loop.
 */
final class AgentConnection extends ChannelInboundHandlerAdapter {

    static final String REASON = "Shepherd-Reason";

    private static final int MOST_HEADERS = 64;

    /** How long a request that was read may take to be answered: longer than the callback takes by default. */
    private static final long ANSWER_NANOS = TimeUnit.SECONDS.toNanos(30);

    /** What is told to come again later is told so after a while, so that asking in a loop costs next to nothing. */
    private static final long DELAY_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** Closing with bytes unread may lose the answer on its way, so these are read, up to here. */
    private static final long DRAIN_NANOS = TimeUnit.SECONDS.toNanos(1);

    private static final long DRAIN_BYTES = 1 << 20;

    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

    private enum State {
        IDLE,
        HEAD,
        BODY,
        WORKING,
        DELAYED,
        WRITING,
        DRAINING,
        CLOSED
    }

    private final AgentServer server;
    private final Connections.Entry entry;
    private final Deque<HttpObject> received = new ArrayDeque<>();
    private final ByteWatch byteWatch = new ByteWatch();
    private final Deadline deadline = new Deadline(this::deadlinePassed);
    private final TlsWatch tls;
    private @Nullable ChannelHandlerContext context;
    private State state = State.IDLE;
    private boolean handling;
    private int requests;
    private long bytes;

    private @Nullable SignedRequest request;
    private Object address;
    private boolean lastRequest;
    private @Nullable Answer early;
    private @Nullable Answer delayed;
    private @Nullable ByteArrayOutputStream body;
    private long bodySince;
    private long bytesBeforeDrain;

    AgentConnection(AgentServer server, Connections.Entry entry) {
        this.server = server;
        this.entry = entry;
        this.address = entry.address();
        tls = new TlsWatch(server, entry, deadline, () -> bytes);
    }

    /** Sees bytes before they are a request. Goes before the decoder. */
    private final class ByteWatch extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            if (message instanceof ByteBuf buffer) {
                if (bytes == 0 && buffer.isReadable()) {
                    tls.firstBytes(buffer);
                }
                bytes += buffer.readableBytes();
                if (state == State.IDLE) {
                    state = State.HEAD;
                    arm(server.limits().headTimeout().toNanos());
                } else if (state == State.DRAINING && bytes - bytesBeforeDrain > DRAIN_BYTES) {
                    ctx.close();
                }
            }
            ctx.fireChannelRead(message);
        }
    }

    ChannelInboundHandlerAdapter byteWatch() {
        return byteWatch;
    }

    TlsWatch tls() {
        return tls;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        context = ctx;
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        arm(server.limits().headTimeout().toNanos());
        ctx.read();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        if (message instanceof HttpObject object) {
            received.add(object);
            handleReceived(ctx);
        } else {
            ReferenceCountUtil.release(message);
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        if (isReading()) {
            ctx.read();
        }
    }

    private boolean isReading() {
        return state == State.IDLE || state == State.HEAD || state == State.BODY;
    }

    /** In a loop rather than by recursion, which a request of a thousand chunks could make deep. */
    private void handleReceived(ChannelHandlerContext ctx) {
        if (handling) {
            return;
        }
        handling = true;
        try {
            while (isReading() && !received.isEmpty()) {
                handle(ctx, received.remove());
            }
            if (state == State.DRAINING || state == State.CLOSED) {
                forgetReceived();
            }
        } finally {
            handling = false;
        }
    }

    private void forgetReceived() {
        received.forEach(ReferenceCountUtil::release);
        received.clear();
    }

    private void handle(ChannelHandlerContext ctx, HttpObject object) {
        try {
            if (object.decoderResult().isFailure()) {
                tls.requireTls();
                throw tls.notARequest();
            }
            if (object instanceof HttpRequest head) {
                begin(ctx, head);
            }
            if (object instanceof HttpContent content) {
                add(content);
                if (object instanceof LastHttpContent) {
                    end(ctx);
                }
            }
        } catch (Refusal e) {
            lastRequest = true;
            answer(ctx, server.calls().limited(e.answer(), address), true);
        } finally {
            ReferenceCountUtil.release(object);
        }
    }

    private void begin(ChannelHandlerContext ctx, HttpRequest head) throws Refusal {
        requests++;
        state = State.BODY;
        early = null;
        body = null;
        request = null;
        bodySince = System.nanoTime();
        lastRequest = !HttpUtil.isKeepAlive(head) || requests >= server.limits().maxRequestsPerConnection();
        HttpHeaders headers = head.headers();
        address = addressOf(ctx, headers);
        tls.requireTls();
        if (headers.size() > MOST_HEADERS) {
            throw Refusal.malformed("a request has at most " + MOST_HEADERS + " headers");
        }
        String path = head.uri();
        int query = path.indexOf('?');
        if (!(query < 0 ? path : path.substring(0, query)).equals(AgentEndpoint.PATH)) {
            throw new Refusal(404, Outcome.NOT_FOUND, "requests are sent to " + AgentEndpoint.PATH);
        }
        if (!head.method().equals(HttpMethod.POST)) {
            throw new Refusal(405, Outcome.NOT_FOUND, "requests are sent by POST");
        }
        SignedRequest read = SignedRequest.read(headers::get, tls.certificate(), server.clock(), server.maxClockSkew());
        long length = HttpUtil.isTransferEncodingChunked(head) ? -1 : contentLength(head);
        requireNotTooLarge(length);
        try {
            server.calls().admit(read, address, length != 0);
        } catch (Refusal e) {
            if (length != 0) {
                throw e;
            }
            // There is nothing more to come, so the connection need not be closed.
            early = e.answer();
        }
        request = read;
        if (HttpUtil.is100ContinueExpected(head)) {
            ctx.writeAndFlush(new DefaultFullHttpResponse(
                    HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE, Unpooled.EMPTY_BUFFER));
        }
        arm(Math.min(LOOK_NANOS, server.limits().bodyTimeout().toNanos()));
    }

    private Object addressOf(ChannelHandlerContext ctx, HttpHeaders headers) {
        String forwarded = headers.get("X-Forwarded-For");
        if (forwarded != null
                && ctx.channel() instanceof SocketChannel channel
                && server.limits().proxies().contains(channel.remoteAddress().getAddress())) {
            String last = forwarded.substring(forwarded.lastIndexOf(',') + 1).strip();
            InetAddress caller = NetUtil.createInetAddressFromIpAddressString(last);
            if (caller != null) {
                return Connections.key(caller);
            }
        }
        return entry.address();
    }

    private static long contentLength(HttpRequest head) throws Refusal {
        try {
            long length = HttpUtil.getContentLength(head, 0L);
            if (length >= 0) {
                return length;
            }
        } catch (NumberFormatException e) {
            throw Refusal.malformed("the length of the body is not a number");
        }
        throw Refusal.malformed("the length of the body is negative");
    }

    private void requireNotTooLarge(long length) throws Refusal {
        if (length > server.limits().maxBodySize()) {
            throw new Refusal(
                    413,
                    Outcome.TOO_LARGE,
                    "a body has at most " + server.limits().maxBodySize() + " bytes");
        }
    }

    private void add(HttpContent content) throws Refusal {
        ByteBuf buffer = ((ByteBufHolder) content).content();
        int count = buffer.readableBytes();
        if (count == 0 || state != State.BODY) {
            return;
        }
        ByteArrayOutputStream into = body == null ? new ByteArrayOutputStream() : body;
        body = into;
        requireNotTooLarge((long) into.size() + count);
        if (!server.connections().reserve(entry, into.size() + count)) {
            throw new Refusal(Answer.unavailable(503, Outcome.QUEUE_FULL));
        }
        byte[] part = new byte[count];
        buffer.readBytes(part);
        into.write(part, 0, count);
    }

    private void end(ChannelHandlerContext ctx) {
        if (state != State.BODY || request == null) {
            return;
        }
        if (early != null) {
            answer(ctx, early, false);
            return;
        }
        state = State.WORKING;
        arm(ANSWER_NANOS);
        server.connections().working(entry);
        int number = requests;
        byte[] content = body == null ? new byte[0] : body.toByteArray();
        body = null;
        server.calls()
                .submit(
                        request,
                        content,
                        address,
                        answer -> ctx.executor().execute(() -> {
                            // Unless it came too late, and the agent was told so.
                            if (state == State.WORKING && requests == number) {
                                answer(ctx, answer, mustClose(answer));
                            }
                        }));
    }

    /** Strangers need not come again soon. */
    private static boolean mustClose(Answer answer) {
        return switch (answer.status()) {
            case 200, 409, 422, 429, 503, 504 -> false;
            case 401 -> answer.outcome() != Outcome.REPLAYED;
            default -> true;
        };
    }

    private void answer(ChannelHandlerContext ctx, Answer answer, boolean close) {
        lastRequest |= close;
        if (answer.isTooMany()) {
            state = State.DELAYED;
            delayed = answer;
            arm(DELAY_NANOS);
            endOfWork();
        } else {
            write(ctx, answer);
        }
    }

    private void endOfWork() {
        body = null;
        server.connections().release(entry);
        server.connections().waiting(entry);
    }

    private void write(ChannelHandlerContext ctx, Answer answer) {
        server.counters().answered(answer.outcome());
        boolean wasRead = state != State.BODY && state != State.HEAD && request != null;
        endOfWork();
        state = State.WRITING;
        arm(server.limits().headTimeout().toNanos());
        FullHttpResponse response = new DefaultFullHttpResponse(
                HttpVersion.HTTP_1_1,
                HttpResponseStatus.valueOf(answer.status()),
                Unpooled.wrappedBuffer(answer.body()));
        HttpHeaders headers = response.headers();
        headers.set(HttpHeaderNames.CONTENT_LENGTH, answer.body().length);
        headers.set(
                HttpHeaderNames.CONTENT_TYPE, answer.isOk() ? "application/x-protobuf" : "text/plain; charset=utf-8");
        if (!answer.isOk()) {
            headers.set(REASON, answer.outcome().name());
            headers.set(
                    SignedRequest.TIME, String.valueOf(Math.max(server.clock().millis(), answer.notBeforeMillis())));
        }
        if (answer.status() == 405) {
            headers.set(HttpHeaderNames.ALLOW, "POST");
        }
        if (answer.retryAfterMillis() > 0) {
            headers.set(HttpHeaderNames.RETRY_AFTER, (answer.retryAfterMillis() + 999) / 1000);
        }
        headers.set(HttpHeaderNames.CONNECTION, lastRequest ? HttpHeaderValues.CLOSE : HttpHeaderValues.KEEP_ALIVE);
        ctx.writeAndFlush(response).addListener((ChannelFutureListener) written -> {
            if (!written.isSuccess()) {
                ctx.close();
            } else if (!lastRequest) {
                next(ctx);
            } else if (wasRead) {
                ctx.close();
            } else {
                drain(ctx);
            }
        });
    }

    private void next(ChannelHandlerContext ctx) {
        request = null;
        state = State.IDLE;
        arm(server.limits().idleTimeout().toNanos());
        handleReceived(ctx);
        if (isReading() && received.isEmpty()) {
            ctx.read();
        }
    }

    private void drain(ChannelHandlerContext ctx) {
        state = State.DRAINING;
        bytesBeforeDrain = bytes;
        forgetReceived();
        arm(DRAIN_NANOS);
        if (ctx.channel() instanceof SocketChannel channel) {
            SslHandler handler = ctx.pipeline().get(SslHandler.class);
            if (handler == null) {
                channel.shutdownOutput();
            } else {
                handler.closeOutbound().addListener(closed -> channel.shutdownOutput());
            }
        }
        ctx.channel().config().setAutoRead(true);
    }

    private void arm(long nanos) {
        deadline.set(Objects.requireNonNull(context).executor(), nanos);
    }

    private void deadlinePassed() {
        ChannelHandlerContext ctx = Objects.requireNonNull(context);
        switch (state) {
            case IDLE, DRAINING, CLOSED -> ctx.close();
            case HEAD, WRITING -> cut(ctx);
            case BODY -> {
                if (isTooSlow()) {
                    cut(ctx);
                } else {
                    arm(LOOK_NANOS);
                }
            }
            case WORKING -> answer(ctx, Answer.unavailable(504, Outcome.TIMED_OUT), true);
            case DELAYED -> {
                // Forgotten before it is written: with that done, the next request may be told to come later as well.
                Answer answer = Objects.requireNonNull(delayed);
                delayed = null;
                write(ctx, answer);
            }
        }
    }

    private boolean isTooSlow() {
        return server.limits().isTooSlow(System.nanoTime() - bodySince, body == null ? 0 : body.size());
    }

    private void cut(ChannelHandlerContext ctx) {
        server.counters().tooSlow.increment();
        ctx.close();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        state = State.CLOSED;
        forgetReceived();
        body = null;
        deadline.cancel();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        // A broken connection is not worth a log line; any other failure is.
        Throwable first = cause instanceof DecoderException && cause.getCause() != null ? cause.getCause() : cause;
        if (!(first instanceof IOException)) {
            server.failures().failed("Connections of agents fail unexpectedly", String.valueOf(cause));
        }
        ctx.close();
    }
}
