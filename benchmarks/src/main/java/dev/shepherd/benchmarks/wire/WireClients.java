package dev.shepherd.benchmarks.wire;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import org.jspecify.annotations.Nullable;

/**
 * Many agents, each with a connection that it keeps and one request at a time, on two threads. A connection that ends is a
 * failure. Safe for use by several threads.
 */
public final class WireClients implements AutoCloseable {

    private static final int LOOPS = 2;
    private static final int CONNECT_MILLIS = 30_000;
    private static final long LONGEST_STOP_SECONDS = 5;

    /** To connect: an endpoint that is busy closes what takes it too long. */
    private static final int MOST_ATTEMPTS = 5;

    /** Is told what became of a request, on a thread that must not be held up. */
    @FunctionalInterface
    public interface Answered {
        void answered(int status, @Nullable Throwable failure);
    }

    /**
     * One of the agents.
     *
     * @param from its address
     * @param tls makes the engine of its connection; null for plain HTTP
     * @param isGrpc whether it speaks gRPC, and not HTTP 1.1
     * @param request makes its next request
     */
    public record Agent(
            SocketAddress from, @Nullable Supplier<SSLEngine> tls, boolean isGrpc, Supplier<byte[]> request) {

        /** An agent that speaks HTTP 1.1. */
        public Agent(SocketAddress from, @Nullable Supplier<SSLEngine> tls, Supplier<byte[]> request) {
            this(from, tls, false, request);
        }
    }

    private final InetSocketAddress to;
    private final List<Agent> agents;
    private final EventLoopGroup loops =
            new MultiThreadIoEventLoopGroup(LOOPS, new DefaultThreadFactory("agents", true), NioIoHandler.newFactory());
    private final AtomicReferenceArray<Connection> connections;
    private final LongAdder retries = new LongAdder();

    /** Prepares connections to an address. */
    public WireClients(InetSocketAddress to, List<Agent> agents) {
        this.to = to;
        this.agents = List.copyOf(agents);
        connections = new AtomicReferenceArray<>(agents.size());
    }

    /**
     * Opens all connections, so many at a time, sends a request over each, and returns once all are answered with 200: one
     * over which nothing is sent would be closed.
     *
     * @param connected is told of each
     * @throws IOException if one fails, or not all are open within the limit
     */
    public void connect(int atOnce, Duration limit, Connected connected) throws IOException, InterruptedException {
        Semaphore permits = new Semaphore(atOnce);
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        long end = System.nanoTime() + limit.toNanos();
        for (int i = 0; i < agents.size() && failure.get() == null; i++) {
            if (!permits.tryAcquire(end - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                throw new IOException(
                        i + " of " + agents.size() + " connections are open after " + limit.toSeconds() + " s");
            }
            int number = i;
            Connection connection = new Connection(agents.get(i), error -> {
                if (error == null) {
                    connected.connected(number);
                } else {
                    failure.compareAndSet(null, error);
                }
                permits.release();
            });
            connections.set(i, connection);
            connection.open();
        }
        if (!permits.tryAcquire(atOnce, Math.max(0, end - System.nanoTime()), TimeUnit.NANOSECONDS)) {
            failure.compareAndSet(null, new IOException("not all are open after " + limit.toSeconds() + " s"));
        }
        Throwable failed = failure.get();
        if (failed != null) {
            throw new IOException("an agent cannot connect", failed);
        }
    }

    /** Has an agent send its next request. It must have been answered the one before. */
    public void send(int agent, Answered answered) {
        connections.get(agent).send(answered);
    }

    /**
     * Has an agent send requests for as long as its connection is open: the next one an interval after the last.
     *
     * @param answered is told of each
     */
    public void beat(int agent, Duration interval, Beat answered) {
        Connection connection = connections.get(agent);
        Objects.requireNonNull(connection.channel)
                .eventLoop()
                .schedule(
                        () -> {
                            long sentAt = System.nanoTime();
                            connection.send((status, failure) -> {
                                answered.answered(System.nanoTime() - sentAt, status, failure);
                                if (status == 200) {
                                    beat(agent, interval, answered);
                                }
                            });
                        },
                        interval.toNanos(),
                        TimeUnit.NANOSECONDS);
    }

    /** Is told what became of a request, and how long that took; on a thread that must not be held up. */
    @FunctionalInterface
    public interface Beat {
        void answered(long nanos, int status, @Nullable Throwable failure);
    }

    /** Is told that an agent is connected and was answered once. */
    @FunctionalInterface
    public interface Connected {
        void connected(int agent);
    }

    private interface Opened {
        void opened(@Nullable Throwable failure);
    }

    /** Sharable, since it goes on with another channel if the first one is closed before its first answer. */
    @ChannelHandler.Sharable
    private final class Connection extends ChannelInboundHandlerAdapter {
        private final Agent agent;
        private @Nullable Opened opened;
        private int attempts;
        private boolean failed;
        private volatile @Nullable Channel channel;
        private @Nullable Answered answered;
        private final StringBuilder head = new StringBuilder(256);
        private int bodyLeft = -1;
        private int status;

        Connection(Agent agent, Opened opened) {
            this.agent = agent;
            this.opened = opened;
        }

        void open() {
            failed = false;
            new Bootstrap()
                    .group(loops)
                    .channel(NioSocketChannel.class)
                    .option(ChannelOption.TCP_NODELAY, true)
                    .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, CONNECT_MILLIS)
                    .handler(new ChannelInitializer<SocketChannel>() {
                        @Override
                        protected void initChannel(SocketChannel made) {
                            channel = made;
                            Supplier<SSLEngine> tls = agent.tls();
                            if (tls != null) {
                                SSLEngine engine = tls.get();
                                if (agent.isGrpc()) {
                                    SSLParameters parameters = engine.getSSLParameters();
                                    parameters.setApplicationProtocols(new String[] {"h2"});
                                    engine.setSSLParameters(parameters);
                                }
                                SslHandler handler = new SslHandler(engine);
                                handler.setHandshakeTimeoutMillis(CONNECT_MILLIS);
                                made.pipeline().addLast(handler);
                            }
                            if (agent.isGrpc()) {
                                GrpcCalls calls = new GrpcCalls();
                                made.pipeline().addLast(calls.codec(), calls);
                            }
                            made.pipeline().addLast(Connection.this);
                        }
                    })
                    .connect(to, agent.from())
                    .addListener(done -> {
                        if (!done.isSuccess()) {
                            isOpen(done.cause());
                        } else if (agent.tls() == null) {
                            isOpen(null);
                        }
                    });
        }

        private void isOpen(@Nullable Throwable failure) {
            if (failure == null) {
                send((code, error) -> opened(code == 200 || error != null ? error : new IOException("status " + code)));
            } else {
                opened(failure);
            }
        }

        private void opened(@Nullable Throwable failure) {
            Opened told = opened;
            if (told == null || failed) {
                return;
            }
            failed = failure != null;
            if (failure != null && ++attempts < MOST_ATTEMPTS) {
                retries.increment();
                loops.schedule(this::open, 1, TimeUnit.SECONDS);
                return;
            }
            opened = null;
            told.opened(failure);
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event instanceof SslHandshakeCompletionEvent handshake && ctx.channel() == channel) {
                isOpen(handshake.cause());
            }
        }

        void send(Answered whenAnswered) {
            Channel to = channel;
            if (to == null) {
                throw new IllegalStateException("it is not connected");
            }
            if (to.eventLoop().inEventLoop()) {
                write(to, whenAnswered);
            } else {
                to.eventLoop().execute(() -> write(to, whenAnswered));
            }
        }

        private void write(Channel to, Answered whenAnswered) {
            answered = whenAnswered;
            head.setLength(0);
            bodyLeft = -1;
            if (to.isActive()) {
                to.writeAndFlush(Unpooled.wrappedBuffer(agent.request().get()));
            } else {
                done(0, new EOFException("the connection was closed between two requests"));
            }
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            ByteBuf buffer = (ByteBuf) message;
            try {
                while (buffer.isReadable()) {
                    if (bodyLeft < 0) {
                        head.append((char) buffer.readByte());
                        int end = head.length() - 4;
                        if (end > 0 && head.charAt(end + 3) == '\n' && head.charAt(end + 1) == '\n') {
                            readHead();
                        }
                    } else {
                        int count = Math.min(bodyLeft, buffer.readableBytes());
                        buffer.skipBytes(count);
                        bodyLeft -= count;
                    }
                    if (bodyLeft == 0) {
                        bodyLeft = -1;
                        head.setLength(0);
                        done(status, null);
                    }
                }
            } finally {
                buffer.release();
            }
        }

        private void readHead() {
            String text = head.toString().toLowerCase(Locale.ROOT);
            status = Integer.parseInt(text.substring(9, 12));
            int length = text.indexOf("content-length:");
            bodyLeft = length < 0
                    ? 0
                    : Integer.parseInt(text.substring(length + 15, text.indexOf('\r', length))
                            .strip());
        }

        private void done(int code, @Nullable Throwable failure) {
            Answered told = answered;
            answered = null;
            if (told != null) {
                told.answered(code, failure);
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            if (ctx.channel() == channel) {
                EOFException closed = new EOFException("the connection was closed");
                opened(closed);
                done(0, closed);
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (ctx.channel() == channel) {
                opened(cause);
                done(0, cause);
            }
            ctx.close();
        }
    }

    /** Returns how often an agent had to connect again before it was answered for the first time. */
    public long retries() {
        return retries.sum();
    }

    /** Returns how many connections are open. */
    public int open() {
        int open = 0;
        for (int i = 0; i < connections.length(); i++) {
            Connection connection = connections.get(i);
            Channel channel = connection == null ? null : connection.channel;
            if (channel != null && channel.isActive()) {
                open++;
            }
        }
        return open;
    }

    /** Returns a call over gRPC. */
    public static byte[] grpcCall(Object machine) {
        return GrpcCalls.request(machine.toString());
    }

    /** Returns a request whose sender a client certificate tells. */
    public static byte[] request(Object machine) {
        return ("POST /v1/agent HTTP/1.1\r\nHost: shepherd\r\nShepherd-Machine: " + machine
                        + "\r\nContent-Length: 0\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII);
    }

    @Override
    public void close() {
        loops.shutdownGracefully(0, LONGEST_STOP_SECONDS, TimeUnit.SECONDS)
                .awaitUninterruptibly(LONGEST_STOP_SECONDS, TimeUnit.SECONDS);
    }
}
