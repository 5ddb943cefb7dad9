package dev.shepherd.callback;

import dev.shepherd.callback.AgentEndpointStatus.Handshake;
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
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.handler.ssl.SslHandshakeTimeoutException;
import io.netty.util.NetUtil;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.security.cert.X509Certificate;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;
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

    /** What a handshake, with certificates, and one read may take on the wire beside what comes of them. */
    private static final long FREE_BYTES = 1 << 16;

    /** How many bytes on the wire there may be for one of a request, in the long run; usually there is hardly one. */
    private static final long MOST_OVERHEAD = 8;

    /** The first byte that a client sends which speaks TLS. */
    private static final int HANDSHAKE_RECORD = 22;

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
    private @Nullable ChannelHandlerContext context;
    private State state = State.IDLE;
    private boolean handling;
    private int requests;
    private boolean beginsTls;
    private boolean secure;
    private @Nullable ClientCertificate certificate;
    private long bytes;

    private @Nullable ScheduledFuture<?> timer;
    private long timerAt;
    private long deadline;

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
    }

    /** Sees bytes before they are a request. Goes before the decoder. */
    private final class ByteWatch extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            if (message instanceof ByteBuf buffer) {
                if (bytes == 0 && buffer.isReadable()) {
                    beginsTls = buffer.getUnsignedByte(buffer.readerIndex()) == HANDSHAKE_RECORD;
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

    /**
     * Sees bytes as they come over the wire. TLS has messages that cost work and bring nothing, such as those that change
     * keys: a client that sends little else is cut. Goes before TLS.
     */
    private final class WireWatch extends ChannelInboundHandlerAdapter {
        private long received;

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            if (message instanceof ByteBuf buffer) {
                received += buffer.readableBytes();
                if (received > FREE_BYTES + MOST_OVERHEAD * bytes) {
                    buffer.release();
                    cut(ctx);
                    return;
                }
            }
            ctx.fireChannelRead(message);
        }
    }

    ChannelInboundHandlerAdapter wireWatch() {
        return new WireWatch();
    }

    ChannelInboundHandlerAdapter byteWatch() {
        return byteWatch;
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
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof SslHandshakeCompletionEvent handshake) {
            if (handshake.isSuccess()) {
                secure = true;
                certificate = shown(ctx);
                server.counters()
                        .handshake(certificate == null ? Handshake.WITHOUT_CERTIFICATE : Handshake.WITH_CERTIFICATE);
            } else {
                failed(handshake.cause());
            }
        }
        ctx.fireUserEventTriggered(event);
    }

    private static @Nullable ClientCertificate shown(ChannelHandlerContext ctx) {
        SslHandler tls = ctx.pipeline().get(SslHandler.class);
        try {
            return tls != null
                            && tls.engine().getSession().getPeerCertificates()[0] instanceof X509Certificate certificate
                    ? new ClientCertificate(certificate)
                    : null;
        } catch (SSLPeerUnverifiedException e) {
            return null;
        }
    }

    private void failed(Throwable cause) {
        if (cause instanceof SslHandshakeTimeoutException || deadline - System.nanoTime() <= 0) {
            server.counters().handshake(Handshake.TIMED_OUT);
        } else if (!(cause instanceof SSLException)
                || cause.getCause() instanceof IOException below && !(below instanceof SSLException)) {
            server.counters().handshake(Handshake.ABANDONED);
        } else {
            server.counters().handshake(Handshake.FAILED);
            server.failures().failed("TLS handshakes of agents fail", "from " + remote() + ": " + cause.getMessage());
        }
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
                requireTls();
                if (beginsTls) {
                    server.failures().failed("Agents speak TLS to a port for plain HTTP", "from " + remote());
                    throw Refusal.malformed("this port speaks plain HTTP, not TLS: use http://");
                }
                throw Refusal.malformed("this is not a request, or one with too long a line or too many headers");
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
            answer(ctx, limitedRefusal(e.answer()), true);
        } finally {
            ReferenceCountUtil.release(object);
        }
    }

    /** What is no request of an agent is answered as often as an address may be wrong, and then slowly. */
    private Answer limitedRefusal(Answer answer) {
        if (answer.isTooMany() || answer.status() >= 500) {
            return answer;
        }
        try {
            server.calls().admitStranger(address);
            server.calls().chargeStranger(address);
            return answer;
        } catch (Refusal tooMany) {
            return tooMany.answer();
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
        requireTls();
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
        SignedRequest read = SignedRequest.read(headers::get, certificate, server.clock(), server.maxClockSkew());
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

    private String remote() {
        return Objects.requireNonNull(context).channel() instanceof SocketChannel channel
                        && channel.remoteAddress() != null
                ? channel.remoteAddress().getAddress().getHostAddress()
                : "a connection that is closed";
    }

    private void requireTls() throws Refusal {
        if (server.hasTls() && !secure) {
            throw new Refusal(400, Outcome.TLS_REQUIRED, "this port speaks TLS: use https://");
        }
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
            SslHandler tls = ctx.pipeline().get(SslHandler.class);
            if (tls == null) {
                channel.shutdownOutput();
            } else {
                tls.closeOutbound().addListener(closed -> channel.shutdownOutput());
            }
        }
        ctx.channel().config().setAutoRead(true);
    }

    private void arm(long nanos) {
        deadline = System.nanoTime() + nanos;
        if (timer != null && timerAt - deadline <= 0) {
            return; // It looks again when it finds that it is too early.
        }
        if (timer != null) {
            timer.cancel(false);
        }
        schedule(nanos);
    }

    private void schedule(long nanos) {
        timerAt = System.nanoTime() + nanos;
        timer = Objects.requireNonNull(context).executor().schedule(this::onTimer, nanos, TimeUnit.NANOSECONDS);
    }

    private void onTimer() {
        timer = null;
        ChannelHandlerContext ctx = Objects.requireNonNull(context);
        long left = deadline - System.nanoTime();
        if (state == State.CLOSED) {
            return;
        }
        if (left > 0) {
            schedule(left);
            return;
        }
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
        long took = System.nanoTime() - bodySince;
        long counted = took - server.limits().headTimeout().toNanos();
        return took >= server.limits().bodyTimeout().toNanos()
                || (body == null ? 0 : body.size()) * 1e9
                        < (double) counted * server.limits().minBodyRate();
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
        if (timer != null) {
            timer.cancel(false);
            timer = null;
        }
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
