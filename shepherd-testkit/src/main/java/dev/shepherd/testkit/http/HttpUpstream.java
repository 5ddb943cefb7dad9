package dev.shepherd.testkit.http;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;

/**
 * Another server that requests are passed on to. Each has a connection of its own, and is sent once: the client of the JDK
 * would repeat some where a connection fails, and could not send all headers as they came.
 *
 * <p>The {@code Host} that it is told is its own, so that servers that are picked by name take the request; what they build
 * from it is for {@link Links}. Headers that concern one connection only are left out. No compressed answer is asked for.
 *
 * <p>Safe for use by several threads.
 */
public final class HttpUpstream implements AutoCloseable {

    private static final Set<String> OF_THE_CONNECTION = Set.of(
            "connection",
            "keep-alive",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "http2-settings",
            "expect",
            "accept-encoding",
            "host");

    private final URI uri;
    private final SSLContext trust;
    private final Duration limit;
    private final int port;
    private final ScheduledThreadPoolExecutor limits;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private volatile boolean closed;

    /**
     * Prepares for calls.
     *
     * @param uri of the server; its path does not count
     * @param trust what its certificate is checked with, if it has one
     * @param limit how long a call may take
     * @param threads what the names of threads start with
     */
    public HttpUpstream(URI uri, SSLContext trust, Duration limit, String threads) {
        this.uri = uri;
        this.trust = trust;
        this.limit = limit;
        port = uri.getPort() >= 0 ? uri.getPort() : isSecure() ? 443 : 80;
        limits = new ScheduledThreadPoolExecutor(1, HttpListener.threads(threads + "limits-"));
        limits.setRemoveOnCancelPolicy(true);
        // For a call that begins as this is closed, and ends at once.
        limits.setRejectedExecutionHandler(new ThreadPoolExecutor.DiscardPolicy());
    }

    private boolean isSecure() {
        return uri.getScheme().equalsIgnoreCase("https");
    }

    /**
     * Passes a request on.
     *
     * @return what was answered, with a {@code Content-Length} where there is a body
     * @throws IOException if there was no whole answer; its message says so of the server
     */
    public HttpMessage call(HttpMessage request) throws IOException {
        Socket socket = new Socket();
        AtomicBoolean late = new AtomicBoolean();
        Future<?> end = limits.schedule(
                () -> {
                    late.set(true);
                    HttpListener.close(socket);
                },
                limit.toNanos(),
                TimeUnit.NANOSECONDS);
        open.add(socket);
        try (socket) {
            if (closed) {
                throw new IOException("it is called no more");
            }
            socket.setTcpNoDelay(true);
            socket.connect(new InetSocketAddress(uri.getHost(), port), (int) limit.toMillis());
            return call(secured(socket), request);
        } catch (IOException e) {
            if (late.get() || e instanceof SocketTimeoutException) {
                throw new SocketTimeoutException(origin() + " did not answer within " + limit.toMillis() + " ms");
            }
            throw new IOException("%s did not answer: %s".formatted(origin(), e.getMessage()), e);
        } finally {
            end.cancel(false);
            open.remove(socket);
        }
    }

    private String origin() {
        return "%s://%s".formatted(uri.getScheme(), uri.getAuthority());
    }

    private Socket secured(Socket socket) throws IOException {
        if (!isSecure()) {
            return socket;
        }
        SSLSocket secured = (SSLSocket) trust.getSocketFactory().createSocket(socket, uri.getHost(), port, true);
        SSLParameters parameters = secured.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        secured.setSSLParameters(parameters);
        return secured;
    }

    private HttpMessage call(Socket socket, HttpMessage request) throws IOException {
        HttpMessage passed = passedOn(request);
        OutputStream out = socket.getOutputStream();
        out.write(passed.head());
        out.write(passed.body());
        out.flush();
        HttpMessage answer = HttpMessage.readAnswer(new BufferedInputStream(socket.getInputStream()), request.method());
        HttpMessage framed = answer.without("Connection", "Keep-Alive", "Trailer", "Upgrade", "Transfer-Encoding");
        return answer.hasNoBody(request.method()) ? framed : framed.withLength();
    }

    private HttpMessage passedOn(HttpMessage request) {
        Set<String> named = Stream.of(request.header("Connection").orElse("").split(","))
                .map(name -> name.strip().toLowerCase(Locale.ROOT))
                .collect(Collectors.toSet());
        boolean hasBody = Stream.of("Content-Length", "Transfer-Encoding")
                .anyMatch(name -> request.header(name).isPresent());
        HttpMessage passed = request.withTarget(request.target())
                .withHeaders(request.headers().stream()
                        .filter(header -> isPassedOn(header, named))
                        .toList());
        passed = passed.with("Host", uri.getAuthority()).with("Connection", "close");
        return hasBody ? passed.withLength() : passed;
    }

    private static boolean isPassedOn(Map.Entry<String, String> header, Set<String> named) {
        String name = header.getKey().toLowerCase(Locale.ROOT);
        return !OF_THE_CONNECTION.contains(name) && !named.contains(name);
    }

    /** Ends the calls that are under way. */
    @Override
    public void close() {
        closed = true;
        open.forEach(HttpListener::close);
        limits.shutdownNow();
    }
}
