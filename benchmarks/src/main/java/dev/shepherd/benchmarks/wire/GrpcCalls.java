package dev.shepherd.benchmarks.wire;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2WindowUpdateFrame;
import io.netty.handler.codec.http2.Http2ChannelDuplexHandler;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2FrameCodec;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2FrameStream;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.util.ReferenceCountUtil;
import java.nio.charset.StandardCharsets;

/**
 * Sends each message that is written as a call over gRPC, and passes on what became of it as an answer over HTTP 1.1, so that
 * both are counted by the same code. Belongs to one connection.
 */
final class GrpcCalls extends Http2ChannelDuplexHandler {

    private static final String METHOD = "/cloud.agent.api.AgentCallback/Heartbeat";

    private final Http2FrameCodec codec = Http2FrameCodecBuilder.forClient().build();

    /** Returns what has to come before this in the pipeline. */
    Http2FrameCodec codec() {
        return codec;
    }

    /** Returns a call of a machine that only says that it is there. */
    static byte[] request(String machine) {
        byte[] id = machine.getBytes(StandardCharsets.US_ASCII);
        ByteBuf call = Unpooled.buffer();
        // Not compressed, its length, and a message with the machine's id as its first field.
        call.writeByte(0)
                .writeInt(id.length + 2)
                .writeByte(0x0a)
                .writeByte(id.length)
                .writeBytes(id);
        byte[] bytes = new byte[call.readableBytes()];
        call.readBytes(bytes);
        return bytes;
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
        if (!(message instanceof ByteBuf call)) {
            ctx.write(message, promise);
            return;
        }
        Http2FrameStream stream = newStream();
        Http2Headers headers = new DefaultHttp2Headers(false)
                .method("POST")
                .scheme("https")
                .authority("shepherd")
                .path(METHOD)
                .set("content-type", "application/grpc")
                .set("te", "trailers");
        ctx.write(new DefaultHttp2HeadersFrame(headers).stream(stream));
        ctx.write(new DefaultHttp2DataFrame(call, true).stream(stream), promise);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object frame) {
        try {
            if (frame instanceof Http2DataFrame data) {
                ctx.write(new DefaultHttp2WindowUpdateFrame(data.initialFlowControlledBytes()).stream(data.stream()));
            } else if (frame instanceof Http2HeadersFrame headers && headers.isEndStream()) {
                CharSequence status = headers.headers().get("grpc-status");
                boolean isOk = status != null && "0".contentEquals(status);
                ByteBuf answer = Unpooled.copiedBuffer(
                        "HTTP/1.1 " + (isOk ? "200 OK" : "500 grpc-status " + status) + "\r\nContent-Length: 0\r\n\r\n",
                        StandardCharsets.US_ASCII);
                // The stream ends after this method, and the next call must not come before: there is one at a time.
                ctx.executor().execute(() -> ctx.fireChannelRead(answer));
            }
        } finally {
            ReferenceCountUtil.release(frame);
        }
    }
}
