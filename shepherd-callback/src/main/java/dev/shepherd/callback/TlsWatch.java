package dev.shepherd.callback;

import dev.shepherd.callback.AgentEndpointStatus.Handshake;
import dev.shepherd.callback.AgentEndpointStatus.Outcome;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.handler.ssl.SslHandshakeTimeoutException;
import java.io.IOException;
import java.security.cert.X509Certificate;
import java.util.function.LongSupplier;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.jspecify.annotations.Nullable;

/** What becomes of TLS on a connection, and what the client has shown by it. Belongs to the connection's event loop. */
final class TlsWatch extends ChannelInboundHandlerAdapter {

    /** What a handshake, with certificates, and one read may take on the wire beside what comes of them. */
    private static final long FREE_BYTES = 1 << 16;

    /** How many bytes on the wire there may be for one of a request, in the long run; usually there is hardly one. */
    private static final long MOST_OVERHEAD = 8;

    /** The first byte that a client sends which speaks TLS. */
    private static final int HANDSHAKE_RECORD = 22;

    private final AgentServer server;
    private final Connections.Entry entry;
    private final Deadline deadline;
    private final LongSupplier readBytes;
    private boolean beginsTls;
    private boolean secure;
    private @Nullable ClientCertificate certificate;

    /**
     * Makes one.
     *
     * @param deadline by which a handshake has to be done
     * @param readBytes tells how many bytes of requests have been read so far
     */
    TlsWatch(AgentServer server, Connections.Entry entry, Deadline deadline, LongSupplier readBytes) {
        this.server = server;
        this.entry = entry;
        this.deadline = deadline;
        this.readBytes = readBytes;
    }

    /**
     * Sees bytes as they come over the wire. TLS has messages that cost work and bring nothing, such as those that change
     * keys: a client that sends little else is cut. Goes before TLS.
     */
    private final class Wire extends ChannelInboundHandlerAdapter {
        private long received;

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            if (message instanceof ByteBuf buffer) {
                received += buffer.readableBytes();
                if (received > FREE_BYTES + MOST_OVERHEAD * readBytes.getAsLong()) {
                    buffer.release();
                    server.counters().tooSlow.increment();
                    ctx.close();
                    return;
                }
            }
            ctx.fireChannelRead(message);
        }
    }

    ChannelInboundHandlerAdapter wire() {
        return new Wire();
    }

    /** Is shown the first bytes of what should be a request. */
    void firstBytes(ByteBuf buffer) {
        beginsTls = buffer.getUnsignedByte(buffer.readerIndex()) == HANDSHAKE_RECORD;
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
        if (cause instanceof SslHandshakeTimeoutException || deadline.hasPassed()) {
            server.counters().handshake(Handshake.TIMED_OUT);
        } else if (!(cause instanceof SSLException)
                || cause.getCause() instanceof IOException below && !(below instanceof SSLException)) {
            server.counters().handshake(Handshake.ABANDONED);
        } else {
            server.counters().handshake(Handshake.FAILED);
            server.failures()
                    .failed("TLS handshakes of agents fail", "from " + entry.remote() + ": " + cause.getMessage());
        }
    }

    /** Returns what the client has shown; null if that is nothing. */
    @Nullable
    ClientCertificate certificate() {
        return certificate;
    }

    /** Refuses what did not come by TLS to a port that speaks it. */
    void requireTls() throws Refusal {
        if (server.hasTls() && !secure) {
            throw new Refusal(400, Outcome.TLS_REQUIRED, "this port speaks TLS: use https://");
        }
    }

    /** Returns why what came is not a request. */
    Refusal notARequest() {
        if (beginsTls) {
            server.failures().failed("Agents speak TLS to a port for plain HTTP", "from " + entry.remote());
            return Refusal.malformed("this port speaks plain HTTP, not TLS: use http://");
        }
        return Refusal.malformed("this is not a request, or one with too long a line or too many headers");
    }
}
