package dev.shepherd.web;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.web.http.LiveStream;
import dev.shepherd.web.http.WebRequest;
import dev.shepherd.web.http.WebResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves a console by the JDK's own HTTP server.
 *
 * <p>A request is taken, answered and sent within {@value #SECONDS} s, or its connection is closed: a client that sends or reads
 * nothing holds a thread for no longer. There are {@value #THREADS} threads; what comes while all are busy waits. Open pages that
 * wait for changes take none.
 *
 * <p>Safe for use by several threads. It listens between {@link #start()} and {@link #close()}, which does not close the console.
 */
public final class WebServer implements AutoCloseable {

    static final int THREADS = 16;
    static final int SECONDS = 15;

    private static final Logger log = LoggerFactory.getLogger(WebServer.class);

    private final WebConsole console;
    private final HttpServer server;
    private final boolean secure;
    private final LimitedThreads threads;

    private WebServer(WebConsole console, HttpServer server, boolean secure, Duration limit) {
        this.threads = new LimitedThreads("shepherd-web", THREADS, limit);
        this.console = console;
        this.server = server;
        this.secure = secure;
    }

    /**
     * Binds a port, without listening on it yet.
     *
     * @param console what answers; not closed by the server
     * @param address where to listen; port 0 for any that is free
     * @param tls the server's key and certificate, or null for HTTP in the clear
     * @throws IOException if the address cannot be bound
     */
    public static WebServer bind(WebConsole console, InetSocketAddress address, @Nullable SSLContext tls)
            throws IOException {
        return bind(console, address, tls, Duration.ofSeconds(SECONDS));
    }

    static WebServer bind(WebConsole console, InetSocketAddress address, @Nullable SSLContext tls, Duration limit)
            throws IOException {
        Objects.requireNonNull(console, "console");
        if (tls == null) {
            return new WebServer(console, HttpServer.create(address, 0), false, limit);
        }
        HttpsServer server = HttpsServer.create(address, 0);
        server.setHttpsConfigurator(new HttpsConfigurator(tls));
        return new WebServer(console, server, true, limit);
    }

    /** Begins to listen. */
    public void start() {
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    /** Returns where it listens. */
    public InetSocketAddress address() {
        return server.getAddress();
    }

    /** Tells whether it speaks TLS. */
    public boolean isSecure() {
        return secure;
    }

    private void handle(HttpExchange exchange) throws IOException {
        WebResponse response;
        try {
            response = answer(exchange);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            exchange.close();
            return;
        }
        response.headers()
                .forEach((name, value) -> exchange.getResponseHeaders().set(name, value));
        if (response.stream().isPresent()) {
            exchange.sendResponseHeaders(response.status(), 0);
            response.stream().get().open(new Listener(exchange));
            return;
        }
        try (exchange) {
            boolean headOnly = exchange.getRequestMethod().equals("HEAD");
            byte[] body = response.body();
            if (headOnly) {
                exchange.getResponseHeaders().set("Content-Length", Integer.toString(body.length));
            }
            exchange.sendResponseHeaders(response.status(), headOnly || body.length == 0 ? -1 : body.length);
            if (!headOnly && body.length > 0) {
                try (OutputStream out = exchange.getResponseBody()) {
                    out.write(body);
                }
            }
        }
    }

    private WebResponse answer(HttpExchange exchange) throws IOException, InterruptedException {
        if (isAmbiguous(exchange.getRequestHeaders())) {
            return text(400, "Its host or its length can be understood in several ways.")
                    .with("Connection", "close");
        }
        byte[] body = exchange.getRequestBody().readNBytes(WebRequest.LARGEST_BODY + 1);
        // Some of what a client may write is no URI to the JDK, which then has no path.
        String path = exchange.getRequestURI().getPath();
        String query = exchange.getRequestURI().getRawQuery();
        if (path == null || !path.startsWith("/")) {
            return text(400, "The path makes no sense.");
        }
        Map<String, String> headers = new HashMap<>();
        exchange.getRequestHeaders().forEach((name, values) -> headers.put(name, values.get(0)));
        WebResponse response = console.handle(
                new WebRequest(exchange.getRequestMethod(), path, query == null ? "" : query, headers, body, secure));
        // The rest of what is too large is not waited for.
        return response.status() == 413 ? response.with("Connection", "close") : response;
    }

    /**
     * Tells whether a proxy may see another request here than the JDK does, which takes "+5" for a length and the first of two
     * hosts: the rest of the one could be a request of someone else to the other.
     */
    private static boolean isAmbiguous(Headers headers) {
        List<String> hosts = headers.getOrDefault("Host", List.of());
        List<String> lengths = headers.getOrDefault("Content-Length", List.of());
        List<String> encodings = headers.getOrDefault("Transfer-Encoding", List.of());
        return hosts.size() > 1
                || lengths.size() + encodings.size() > 1
                || lengths.stream().anyMatch(length -> !length.matches("[0-9]{1,18}"))
                || encodings.stream().anyMatch(encoding -> !encoding.equalsIgnoreCase("chunked"));
    }

    private static WebResponse text(int status, String text) {
        return WebResponse.of(status, "text/plain; charset=utf-8", (text + "\n").getBytes(StandardCharsets.UTF_8));
    }

    /** A page that waits for changes. Its connection needs no thread. */
    private static final class Listener implements LiveStream.Client {
        private final HttpExchange exchange;
        private final AtomicBoolean closed = new AtomicBoolean();

        Listener(HttpExchange exchange) {
            this.exchange = exchange;
        }

        @Override
        public void send(byte[] bytes) throws IOException {
            exchange.getResponseBody().write(bytes);
            exchange.getResponseBody().flush();
        }

        @Override
        public void close() {
            if (closed.compareAndSet(false, true)) {
                exchange.close();
            }
        }
    }

    /** Stops listening, and ends what is being answered. Does nothing the second time. */
    @Override
    public void close() {
        try {
            server.stop(0);
        } catch (RuntimeException e) {
            log.warn("The server of the page did not stop as it should: {}", Escaped.text(e));
        }
        threads.close();
    }
}
