package dev.shepherd.callback;

import dev.shepherd.callback.AgentEndpointStatus.Handshake;
import dev.shepherd.callback.tls.ServerTls;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.ssl.SslHandler;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * The first handler of a connection to a port that speaks TLS. It waits for the first byte, so that a connection which
 * sends nothing costs nothing, and hands over to TLS. What is not TLS goes on as it is, to be told so by HTTP; another
 * protocol has no word for it, and the connection is closed.
 */
final class TlsGate extends ByteToMessageDecoder {

    /** The type of a TLS record that begins a handshake (RFC 8446, 5.1). */
    private static final int HANDSHAKE_RECORD = 22;

    /** A handshake takes fewer. More is a client that begins handshakes again and again (TLS 1.2). */
    private static final int MOST_TASKS = 16;

    private static final long FLUSH_MILLIS = 500;

    private final AgentServer server;
    private final ServerTls tls;
    private final Connections.Entry entry;
    private final List<String> protocols;

    /** @param protocols what clients may agree on by ALPN; if empty, they are not asked */
    TlsGate(AgentServer server, ServerTls tls, Connections.Entry entry, List<String> protocols) {
        this.server = server;
        this.tls = tls;
        this.entry = entry;
        this.protocols = protocols;
    }

    @Override
    protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
        if (!in.isReadable()) {
            return;
        }
        if (in.getUnsignedByte(in.readerIndex()) != HANDSHAKE_RECORD) {
            server.counters().handshake(Handshake.NOT_TLS);
            if (protocols.isEmpty()) {
                ctx.pipeline().remove(this);
            } else {
                in.skipBytes(in.readableBytes());
                ctx.close();
            }
        } else if (entry.isLimited() && !server.calls().takeHandshake(entry.address())) {
            server.counters().handshake(Handshake.TOO_MANY);
            in.skipBytes(in.readableBytes());
            ctx.close();
        } else {
            SslHandler handler = new SslHandler(tls.engine(protocols), new Tasks(ctx));
            handler.setHandshakeTimeout(server.limits().headTimeout().toMillis(), TimeUnit.MILLISECONDS);
            handler.setCloseNotifyFlushTimeoutMillis(FLUSH_MILLIS);
            ctx.pipeline().replace(this, "tls", handler);
        }
    }

    /** Carries out what is expensive in a handshake, one connection of an address after another. */
    private final class Tasks implements Executor {
        private final ChannelHandlerContext ctx;
        private int count;

        Tasks(ChannelHandlerContext ctx) {
            this.ctx = ctx;
        }

        @Override
        public void execute(Runnable task) {
            if (++count > MOST_TASKS) {
                throw new RejectedExecutionException("the client begins too many handshakes on one connection");
            }
            server.handshake(entry.address(), () -> {
                // If it was closed meanwhile, for it took too long say, nothing is to be gained any more.
                if (ctx.channel().isActive()) {
                    task.run();
                }
            });
        }
    }
}
