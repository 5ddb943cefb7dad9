package dev.shepherd.callback;

import dev.shepherd.api.internal.FailureLog;
import dev.shepherd.callback.tls.ServerTls;
import dev.shepherd.callback.transport.AgentTransport;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.util.AttributeKey;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.EventExecutor;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/** The sockets of an endpoint, and the threads that read and write them. Is started once, and closed. */
final class AgentServer implements AutoCloseable {

    /**
     * Where to listen.
     *
     * @param transport what is spoken there; null for HTTP
     */
    record Port(InetSocketAddress address, @Nullable AgentTransport transport) {}

    private static final AttributeKey<Connections.Entry> ENTRY = AttributeKey.valueOf(AgentServer.class, "entry");

    private static final int BACKLOG = 1024;
    private static final int MOST_LOOPS = 4;
    private static final int MOST_LINE = 1024;
    private static final int MOST_HEADER_BYTES = 8192;
    private static final int MOST_READ = 16_384;
    private static final long LONGEST_STOP_SECONDS = 5;

    private final AgentCalls calls;
    private final AgentEndpointLimits limits;
    private final @Nullable ServerTls tls;
    private final Clock clock;
    private final Duration maxClockSkew;
    private final Counters counters;
    private final FailureLog failures;
    private final Connections connections;

    /** Handshakes, in a lane for each address. Each that waits has a connection, so these limit them. */
    private final FairQueue handshakes;

    private final EventLoopGroup acceptor;
    private final EventLoopGroup loops;
    private volatile List<Channel> listening = List.of();

    AgentServer(
            AgentCalls calls,
            AgentEndpointLimits limits,
            int maxConnections,
            @Nullable ServerTls tls,
            Clock clock,
            Duration maxClockSkew,
            Counters counters,
            FailureLog failures,
            String threadName) {
        this.calls = calls;
        this.limits = limits;
        this.tls = tls;
        this.clock = clock;
        this.maxClockSkew = maxClockSkew;
        this.counters = counters;
        this.failures = failures;
        connections = new Connections(limits, maxConnections, counters, failures, this::accept);
        handshakes = new FairQueue(threadName + "-tls", limits.threads(), maxConnections);
        acceptor = new MultiThreadIoEventLoopGroup(
                1, new DefaultThreadFactory(threadName + "-acceptor", true), NioIoHandler.newFactory());
        loops = new MultiThreadIoEventLoopGroup(
                Math.min(MOST_LOOPS, Runtime.getRuntime().availableProcessors()),
                new DefaultThreadFactory(threadName + "-io", true),
                NioIoHandler.newFactory());
    }

    private void accept(boolean accept) {
        listening.forEach(channel -> channel.config().setAutoRead(accept));
    }

    /** Begins to listen. Returns what went wrong, if anything did; it is to be closed then, too. */
    @Nullable
    Throwable start(List<Port> ports) {
        if (tls != null) {
            handshakes.start();
        }
        for (Port port : ports) {
            ChannelFuture bound = listen(port);
            if (!bound.isSuccess()) {
                return bound.cause();
            }
            List<Channel> channels = new ArrayList<>(listening);
            channels.add(bound.channel());
            listening = List.copyOf(channels);
        }
        return null;
    }

    private ChannelFuture listen(Port port) {
        ServerBootstrap bootstrap = new ServerBootstrap()
                .group(acceptor, loops)
                .channel(NioServerSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                .option(ChannelOption.SO_REUSEADDR, true)
                .childOption(ChannelOption.AUTO_READ, false)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .childOption(ChannelOption.RECVBUF_ALLOCATOR, new AdaptiveRecvByteBufAllocator(512, 2048, MOST_READ))
                .handler(new Gate())
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel channel) {
                        init(channel, port.transport());
                    }
                });
        return bootstrap.bind(port.address()).awaitUninterruptibly();
    }

    /** Lets connections in, or closes them before anything is spent on them. */
    private final class Gate extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            if (message instanceof SocketChannel channel) {
                InetSocketAddress remote = channel.remoteAddress();
                Connections.Entry entry = remote == null ? null : connections.admit(channel, remote.getAddress());
                if (entry == null) {
                    channel.unsafe().closeForcibly();
                    return;
                }
                channel.attr(ENTRY).set(entry);
            }
            ctx.fireChannelRead(message);
        }
    }

    private void init(SocketChannel channel, @Nullable AgentTransport transport) {
        Connections.Entry entry = channel.attr(ENTRY).get();
        channel.closeFuture().addListener(closed -> connections.closed(entry));
        if (transport == null) {
            initHttp(channel, entry);
        } else {
            TransportPeer peer = new TransportPeer(this, entry, channel);
            channel.config().setAutoRead(true);
            addTls(channel, entry, peer.tls(), List.of(transport.protocol()));
            channel.pipeline().addLast(peer.start(transport));
        }
    }

    private void addTls(SocketChannel channel, Connections.Entry entry, TlsWatch watch, List<String> protocols) {
        if (tls != null) {
            channel.pipeline()
                    .addLast(watch.wire())
                    .addLast(new TlsGate(this, tls, entry, protocols))
                    .addLast(watch);
        }
    }

    private void initHttp(SocketChannel channel, Connections.Entry entry) {
        AgentConnection connection = new AgentConnection(this, entry);
        addTls(channel, entry, connection.tls(), List.of());
        channel.pipeline()
                .addLast(connection.byteWatch())
                .addLast(new HttpServerCodec(new HttpDecoderConfig()
                        .setMaxInitialLineLength(MOST_LINE)
                        .setMaxHeaderSize(MOST_HEADER_BYTES)
                        .setMaxChunkSize(MOST_READ)))
                .addLast(connection);
    }

    /** Has a step of a handshake done, in turn with those of other addresses. */
    void handshake(Object address, Runnable step) {
        FairQueue.Added added = handshakes.add(address, connections.most(), release -> {
            try {
                step.run();
            } finally {
                release.run();
            }
        });
        if (added != FairQueue.Added.WAITING) {
            throw new RejectedExecutionException("too many handshakes wait");
        }
    }

    /** Tells whether requests come by TLS. */
    boolean hasTls() {
        return tls != null;
    }

    /** Returns where it listens, with the real port, in the order in which that was said. */
    List<InetSocketAddress> addresses() {
        return listening.stream()
                .map(channel -> (InetSocketAddress) channel.localAddress())
                .toList();
    }

    /** Tells whether it listens and all its threads go on. Anything thrown in the inside of a loop ends it. */
    boolean isAlive() {
        return listening.stream().allMatch(Channel::isOpen) && all(acceptor) && all(loops);
    }

    private static boolean all(EventLoopGroup group) {
        return StreamSupport.stream(group.spliterator(), false).noneMatch(EventExecutor::isShuttingDown);
    }

    /** Tells whether new connections are accepted at this moment. */
    boolean accepts() {
        return listening.stream().allMatch(channel -> channel.config().isAutoRead());
    }

    EventLoopGroup loops() {
        return loops;
    }

    AgentCalls calls() {
        return calls;
    }

    AgentEndpointLimits limits() {
        return limits;
    }

    Clock clock() {
        return clock;
    }

    Duration maxClockSkew() {
        return maxClockSkew;
    }

    Counters counters() {
        return counters;
    }

    FailureLog failures() {
        return failures;
    }

    Connections connections() {
        return connections;
    }

    /** Closes all sockets and ends the threads. */
    @Override
    public void close() {
        listening.forEach(channel -> channel.close().awaitUninterruptibly(LONGEST_STOP_SECONDS, TimeUnit.SECONDS));
        acceptor.shutdownGracefully(0, LONGEST_STOP_SECONDS, TimeUnit.SECONDS);
        loops.shutdownGracefully(0, LONGEST_STOP_SECONDS, TimeUnit.SECONDS);
        handshakes.close();
        acceptor.terminationFuture().awaitUninterruptibly(LONGEST_STOP_SECONDS, TimeUnit.SECONDS);
        loops.terminationFuture().awaitUninterruptibly(LONGEST_STOP_SECONDS, TimeUnit.SECONDS);
    }
}
