package dev.shepherd.callback.grpc;

import dev.shepherd.callback.transport.AgentPeer;
import dev.shepherd.callback.transport.Told;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2GoAwayFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.DefaultHttp2WindowUpdateFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2FrameStream;
import io.netty.handler.codec.http2.Http2FrameStreamException;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.handler.codec.http2.Http2SettingsFrame;
import io.netty.util.ReferenceCountUtil;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One connection of an agent, behind TLS and the codec of HTTP/2: reads a call, hands it on, writes the answer. There is
 * one call at a time; each step has a deadline. Frames that belong to no call are the codec's. All fields belong to the
 * connection's event loop.
 */
final class GrpcConnection extends ChannelInboundHandlerAdapter {

    /** The one method, under both names that its service has had. */
    private static final Set<String> PATHS =
            Set.of("/cloud.bmaas.server.api.AgentCallback/Heartbeat", "/cloud.agent.api.AgentCallback/Heartbeat");

    /** What is before a message: whether it is compressed, and its length. */
    private static final int PREFIX_BYTES = 5;

    /** How long a call that was read may take to be answered: longer than the callback takes by default. */
    private static final Duration ANSWER = Duration.ofSeconds(30);

    /** What is told to come again later is told so after a while, so that asking in a loop costs next to nothing. */
    private static final Duration DELAY = Duration.ofSeconds(1);

    /** How long a client may take to close a connection that has ended. */
    private static final Duration DRAIN = Duration.ofSeconds(1);

    private static final Duration LOOK = Duration.ofMillis(500);

    private enum State {
        /** The client has yet to show that it speaks HTTP/2. */
        NEW,
        IDLE,
        BODY,
        WORKING,
        DELAYED,
        WRITING,
        DRAINING
    }

    private final AgentPeer peer;
    private State state = State.NEW;
    private int calls;
    private @Nullable Http2FrameStream stream;
    private @Nullable Told delayed;
    private ByteArrayOutputStream body = new ByteArrayOutputStream(0);

    /** What is answered to other clients of HTTP/2, who do not look at gRPC's status. */
    private String httpStatus = GrpcStatus.OK;

    /** Whether all of the call has arrived. */
    private boolean whole;

    GrpcConnection(AgentPeer peer) {
        this.peer = peer;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        peer.whenLate(() -> late(ctx));
        peer.giveTime(peer.headTimeout());
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object frame) {
        try {
            if (frame instanceof Http2SettingsFrame && state == State.NEW) {
                idle();
            } else if (frame instanceof Http2HeadersFrame headers) {
                headers(ctx, headers);
            } else if (frame instanceof Http2DataFrame data) {
                data(ctx, data);
            } else if (frame instanceof Http2ResetFrame reset && isCurrent(reset.stream())) {
                givenUp();
            }
        } finally {
            ReferenceCountUtil.release(frame);
        }
    }

    private boolean isCurrent(@Nullable Http2FrameStream of) {
        return of != null && of == stream;
    }

    private void idle() {
        state = State.IDLE;
        stream = null;
        peer.giveTime(peer.idleTimeout());
    }

    private void headers(ChannelHandlerContext ctx, Http2HeadersFrame frame) {
        if (isCurrent(frame.stream())) {
            if (state == State.BODY && frame.isEndStream()) {
                end(ctx);
            }
        } else if (state == State.IDLE || state == State.NEW) {
            begin(ctx, frame);
        } else {
            reset(ctx, frame.stream(), Http2Error.REFUSED_STREAM);
        }
    }

    private void begin(ChannelHandlerContext ctx, Http2HeadersFrame frame) {
        calls++;
        state = State.BODY;
        stream = frame.stream();
        whole = frame.isEndStream();
        body = new ByteArrayOutputStream(0);
        httpStatus = GrpcStatus.OK;
        Told refused = peer.begin();
        if (refused != null) {
            answer(ctx, refused);
            return;
        }
        Http2Headers headers = frame.headers();
        if (!"POST".contentEquals(text(headers.method()))
                || !GrpcStatus.CONTENT_TYPES.contains(text(headers.get("content-type")))) {
            httpStatus = GrpcStatus.UNSUPPORTED;
            answer(ctx, peer.malformed("this port speaks gRPC"));
        } else if (!PATHS.contains(text(headers.path()))) {
            answer(ctx, peer.noMethod("there is AgentCallback.Heartbeat, and nothing else"));
        } else if (whole) {
            end(ctx);
        } else {
            peer.giveTime(LOOK);
        }
    }

    private static String text(@Nullable CharSequence value) {
        return value == null ? "" : value.toString();
    }

    private void data(ChannelHandlerContext ctx, Http2DataFrame frame) {
        if (!isCurrent(frame.stream()) || state != State.BODY) {
            // The codec gives back what a stream has taken of the connection's window when the stream ends.
            return;
        }
        whole = frame.isEndStream();
        ByteBuf content = frame.content();
        int count = content.readableBytes();
        Told refused = peer.receive(body.size() + count);
        if (refused != null) {
            answer(ctx, refused);
            return;
        }
        byte[] part = new byte[count];
        content.readBytes(part);
        body.writeBytes(part);
        if (whole) {
            end(ctx);
        } else {
            ctx.write(new DefaultHttp2WindowUpdateFrame(frame.initialFlowControlledBytes()).stream(frame.stream()));
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        ctx.flush();
        ctx.fireChannelReadComplete();
    }

    private void end(ChannelHandlerContext ctx) {
        whole = true;
        byte[] request = body.toByteArray();
        body = new ByteArrayOutputStream(0);
        Heartbeat heartbeat;
        try {
            heartbeat = Heartbeat.parse(message(request), peer::failed);
        } catch (Heartbeat.MalformedException e) {
            answer(ctx, peer.malformed(e.text()));
            return;
        }
        state = State.WORKING;
        peer.giveTime(ANSWER);
        int number = calls;
        peer.submit(
                heartbeat,
                request,
                told -> ctx.executor().execute(() -> {
                    // Unless it came too late, and the agent was told so or has given up.
                    if (state == State.WORKING && calls == number) {
                        answer(ctx, told);
                    }
                }));
    }

    /** Returns the one message of a call. */
    private static byte[] message(byte[] request) throws Heartbeat.MalformedException {
        if (request.length < PREFIX_BYTES || ByteBuffer.wrap(request).getInt(1) != request.length - PREFIX_BYTES) {
            throw new Heartbeat.MalformedException("a call has one message");
        }
        if (request[0] != 0) {
            throw new Heartbeat.MalformedException("messages are not compressed here");
        }
        return Arrays.copyOfRange(request, PREFIX_BYTES, request.length);
    }

    private void answer(ChannelHandlerContext ctx, Told told) {
        peer.ended();
        if (told.status() == Told.TOO_MANY) {
            state = State.DELAYED;
            delayed = told;
            peer.giveTime(DELAY);
        } else {
            write(ctx, told);
        }
    }

    private void write(ChannelHandlerContext ctx, Told told) {
        Http2FrameStream of = Objects.requireNonNull(stream);
        byte[] message = told.status() == Told.OK ? told.body() : new byte[0];
        boolean hasMore = peer.answered(told, message.length);
        state = State.WRITING;
        peer.giveTime(peer.headTimeout());
        int code = GrpcStatus.code(told.status());
        ChannelFuture written;
        if (code == 0) {
            ctx.write(new DefaultHttp2HeadersFrame(GrpcStatus.headers(httpStatus)).stream(of));
            ctx.write(new DefaultHttp2DataFrame(prefixed(message)).stream(of));
            Http2Headers trailers = GrpcStatus.addTrailers(new DefaultHttp2Headers(), code, told);
            written = ctx.write(new DefaultHttp2HeadersFrame(trailers, true).stream(of));
        } else {
            Http2Headers headers = GrpcStatus.addTrailers(GrpcStatus.headers(httpStatus), code, told);
            written = ctx.write(new DefaultHttp2HeadersFrame(headers, true).stream(of));
        }
        if (!whole) {
            // The answer is complete, and what is yet to come of the call is not wanted (RFC 9113, 8.1).
            reset(ctx, of, Http2Error.NO_ERROR);
        }
        ctx.flush();
        int number = calls;
        written.addListener((ChannelFutureListener) done -> {
            if (state == State.WRITING && calls == number) {
                if (hasMore) {
                    idle();
                } else {
                    drain(ctx);
                }
            }
        });
    }

    private static ByteBuf prefixed(byte[] message) {
        ByteBuf prefix = Unpooled.buffer(PREFIX_BYTES);
        prefix.writeByte(0).writeInt(message.length);
        return Unpooled.wrappedBuffer(prefix, Unpooled.wrappedBuffer(message));
    }

    /** Has the client open another connection for its next call. */
    private void drain(ChannelHandlerContext ctx) {
        state = State.DRAINING;
        stream = null;
        peer.giveTime(DRAIN);
        ctx.writeAndFlush(new DefaultHttp2GoAwayFrame(Http2Error.NO_ERROR));
    }

    private void reset(ChannelHandlerContext ctx, @Nullable Http2FrameStream of, Http2Error error) {
        if (of != null) {
            ctx.write(new DefaultHttp2ResetFrame(error).stream(of));
        }
    }

    /** The client wants no answer any more. What was handed on goes on. */
    private void givenUp() {
        if (state == State.BODY || state == State.WORKING) {
            peer.ended();
        }
        delayed = null;
        body = new ByteArrayOutputStream(0);
        idle();
    }

    private void late(ChannelHandlerContext ctx) {
        switch (state) {
            case IDLE, DRAINING -> ctx.close();
            case NEW, WRITING -> cut(ctx);
            case BODY -> {
                if (peer.isTooSlow(body.size())) {
                    cut(ctx);
                } else {
                    peer.giveTime(LOOK);
                }
            }
            case WORKING -> answer(ctx, peer.timedOut());
            case DELAYED -> {
                Told told = Objects.requireNonNull(delayed);
                delayed = null;
                write(ctx, told);
            }
        }
    }

    private void cut(ChannelHandlerContext ctx) {
        peer.wasTooSlow();
        ctx.close();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (cause instanceof Http2FrameStreamException broken) {
            reset(ctx, broken.stream(), broken.error());
            ctx.flush();
            if (isCurrent(broken.stream())) {
                givenUp();
            }
            return;
        }
        if (cause instanceof Http2Exception) {
            // The codec tells the client what was wrong, and closes the connection.
            return;
        }
        // A client that breaks off is not worth a log line; any other failure is.
        Throwable first = cause instanceof DecoderException && cause.getCause() != null ? cause.getCause() : cause;
        if (!(first instanceof IOException)) {
            peer.failed("Connections of agents fail unexpectedly", String.valueOf(cause));
        }
        ctx.close();
    }
}
