package dev.shepherd.callback;

import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentReply;
import dev.shepherd.callback.AgentEndpointStatus.Outcome;
import dev.shepherd.callback.transport.AgentMessage;
import dev.shepherd.callback.transport.AgentPeer;
import dev.shepherd.callback.transport.AgentTransport;
import dev.shepherd.callback.transport.Told;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A connection by a transport other than HTTP, within the same limits. Belongs to the connection's event loop. */
final class TransportPeer implements AgentPeer {

    /** What the head of a request counts as, whose size only the transport's library knows. */
    private static final int HEAD_BYTES = 64;

    private final AgentServer server;
    private final Connections.Entry entry;
    private final SocketChannel channel;
    private final Deadline deadline = new Deadline(this::late);
    private final TlsWatch tls;
    private Runnable whenLate;
    private byte @Nullable [] key;
    private int requests;
    private long bytes;
    private int counted;
    private long since;

    TransportPeer(AgentServer server, Connections.Entry entry, SocketChannel channel) {
        this.server = server;
        this.entry = entry;
        this.channel = channel;
        tls = new TlsWatch(server, entry, deadline, () -> bytes);
        whenLate = channel::close;
        channel.closeFuture().addListener(closed -> deadline.cancel());
    }

    TlsWatch tls() {
        return tls;
    }

    @Override
    public Duration headTimeout() {
        return server.limits().headTimeout();
    }

    @Override
    public Duration idleTimeout() {
        return server.limits().idleTimeout();
    }

    @Override
    public int maxRequestSize() {
        return server.limits().maxBodySize();
    }

    @Override
    public void whenLate(Runnable action) {
        whenLate = action;
    }

    private void late() {
        whenLate.run();
    }

    @Override
    public void giveTime(Duration time) {
        if (channel.isActive()) {
            deadline.set(channel.eventLoop(), time.toNanos());
        }
    }

    @Override
    public void wasTooSlow() {
        server.counters().tooSlow.increment();
    }

    @Override
    public @Nullable Told begin() {
        requests++;
        bytes += HEAD_BYTES;
        counted = 0;
        since = System.nanoTime();
        try {
            ClientCertificate shown = tls.certificate();
            if (shown == null) {
                throw new Refusal(
                        401,
                        Outcome.CERTIFICATE_REQUIRED,
                        "the client has shown no certificate: agents show one with their ed25519 key");
            }
            key = shown.key(server.clock());
            return null;
        } catch (Refusal e) {
            return refuse(e.answer());
        }
    }

    @Override
    public @Nullable Told receive(int size) {
        bytes += size - counted;
        counted = size;
        if (size > maxRequestSize()) {
            return refuse(
                    Answer.refusal(413, Outcome.TOO_LARGE, "a request has at most " + maxRequestSize() + " bytes"));
        }
        return server.connections().reserve(entry, size) ? null : refuse(Answer.unavailable(503, Outcome.QUEUE_FULL));
    }

    @Override
    public boolean isTooSlow(int size) {
        return server.limits().isTooSlow(System.nanoTime() - since, size);
    }

    @Override
    public void submit(AgentMessage message, byte[] body, Consumer<Told> whenDone) {
        Call call = new Call(
                new IncomingCall.Agent(message.machineId(), ByteBuffer.wrap(Objects.requireNonNull(key))), message);
        try {
            server.calls().admit(call, entry.address(), message.hasReports());
        } catch (Refusal e) {
            whenDone.accept(told(e.answer()));
            return;
        }
        server.connections().working(entry);
        server.calls().submit(call, body, entry.address(), answer -> whenDone.accept(told(answer)));
    }

    /** A request by the holder of a key, which TLS has shown. */
    private record Call(Agent agent, AgentMessage message) implements IncomingCall {
        @Override
        public @Nullable Long signedMillis() {
            return null;
        }

        @Override
        public AgentCall verify(byte[] body) {
            return message.addReports(
                    AgentCall.of(agent.machineId(), agent.key().array()));
        }

        @Override
        public byte[] answer(AgentReply reply) {
            return message.answer(reply);
        }
    }

    @Override
    public Told malformed(String why) {
        return refuse(Answer.refusal(Told.MALFORMED, Outcome.MALFORMED, why));
    }

    @Override
    public Told noMethod(String why) {
        return refuse(Answer.refusal(Told.NO_METHOD, Outcome.NOT_FOUND, why));
    }

    @Override
    public Told timedOut() {
        return told(Answer.unavailable(504, Outcome.TIMED_OUT));
    }

    private Told refuse(Answer answer) {
        return told(server.calls().limited(answer, entry.address()));
    }

    private static Told told(Answer answer) {
        return new Told(answer.status(), answer.outcome().name(), answer.body(), answer.retryAfterMillis());
    }

    @Override
    public void ended() {
        server.connections().release(entry);
        server.connections().waiting(entry);
    }

    @Override
    public boolean answered(Told told, int size) {
        bytes += size;
        server.counters().answered(Outcome.valueOf(told.reason()));
        return requests < server.limits().maxRequestsPerConnection();
    }

    @Override
    public void failed(String kind, String cause) {
        server.failures().failed(kind, cause);
    }

    /** Hands over to the transport once TLS is spoken: before, it must not write. */
    ChannelInboundHandlerAdapter start(AgentTransport transport) {
        return new ChannelInboundHandlerAdapter() {
            @Override
            public void channelActive(ChannelHandlerContext ctx) {
                giveTime(headTimeout());
                ctx.fireChannelActive();
            }

            @Override
            public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
                if (event instanceof SslHandshakeCompletionEvent handshake && handshake.isSuccess()) {
                    transport.init(ctx.pipeline(), TransportPeer.this);
                    ctx.pipeline().remove(this);
                }
                ctx.fireUserEventTriggered(event);
            }

            @Override
            public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                // TLS has taken note of what went wrong.
                ctx.close();
            }
        };
    }
}
