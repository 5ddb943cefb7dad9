package dev.shepherd.provider.staticlist;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/** A real HTTP server on loopback that serves one list, or misbehaves. */
final class ListServer implements AutoCloseable {

    /** Counts the requests that were answered with a body. */
    final AtomicInteger bodies = new AtomicInteger();

    final AtomicInteger requests = new AtomicInteger();
    final AtomicLong bytesSent = new AtomicLong();
    final List<Map<String, List<String>>> headers = new CopyOnWriteArrayList<>();

    /** Opens when a request has arrived. */
    final CountDownLatch arrived = new CountDownLatch(1);

    /** Opens when a client has hung up in the middle of a body. */
    final CountDownLatch hungUp = new CountDownLatch(1);

    private final CountDownLatch closed = new CountDownLatch(1);
    private final HttpServer server;
    private final ExecutorService executor = Executors.newCachedThreadPool();
    private volatile HttpHandler behaviour = exchange -> {};

    ListServer() throws IOException {
        this(HttpServer.create(loopback(), 0));
    }

    ListServer(SSLContext sslContext) throws IOException {
        this((HttpServer) secured(sslContext));
    }

    private ListServer(HttpServer server) {
        this.server = server;
        server.setExecutor(executor);
        server.createContext("/", exchange -> {
            requests.incrementAndGet();
            headers.add(Map.copyOf(exchange.getRequestHeaders()));
            arrived.countDown();
            try (exchange) {
                behaviour.handle(exchange);
            }
        });
        server.start();
    }

    private static HttpsServer secured(SSLContext sslContext) throws IOException {
        HttpsServer server = HttpsServer.create(loopback(), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(sslContext));
        return server;
    }

    private static InetSocketAddress loopback() {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    }

    int port() {
        return server.getAddress().getPort();
    }

    URI uri() {
        return uri("/machines.json");
    }

    URI uri(String path) {
        String scheme = server instanceof HttpsServer ? "https" : "http";
        return URI.create(scheme + "://127.0.0.1:" + port() + path);
    }

    void behave(HttpHandler behaviour) {
        this.behaviour = behaviour;
    }

    /** Serves a document; header names and values alternate. */
    void serve(String document, String... headers) {
        behave(exchange -> {
            addHeaders(exchange, headers);
            send(exchange, document);
        });
    }

    /** Serves a document under an entity tag, and 304 to those who have it; header names and values alternate. */
    void serveTagged(String document, String entityTag, String... headers) {
        behave(exchange -> {
            addHeaders(exchange, headers);
            exchange.getResponseHeaders().set("ETag", entityTag);
            if (entityTag.equals(header(exchange, "If-None-Match"))) {
                exchange.sendResponseHeaders(304, -1);
            } else {
                send(exchange, document);
            }
        });
    }

    /** Serves a document with a modification time, and 304 to those who have it. */
    void serveModified(String document, String lastModified) {
        behave(exchange -> {
            exchange.getResponseHeaders().set("Last-Modified", lastModified);
            if (lastModified.equals(header(exchange, "If-Modified-Since"))) {
                exchange.sendResponseHeaders(304, -1);
            } else {
                send(exchange, document);
            }
        });
    }

    /** Answers with a status, no body, and headers whose names and values alternate. */
    void answer(int status, String... headers) {
        behave(exchange -> {
            addHeaders(exchange, headers);
            exchange.sendResponseHeaders(status, -1);
        });
    }

    /** Takes the request and never answers. */
    void hang() {
        behave(exchange -> waitForTheEnd());
    }

    /** Promises a body and never sends it. */
    void hangAfterHeaders() {
        behave(exchange -> {
            exchange.sendResponseHeaders(200, 1000);
            exchange.getResponseBody().flush();
            waitForTheEnd();
        });
    }

    /** Sends one space after the other, for ever. */
    void drip() {
        behave(exchange -> sendForEver(exchange, new byte[] {' '}, 5));
    }

    /** Sends spaces as fast as they are taken, for ever, with a status. */
    void flood(int status) {
        byte[] spaces = " ".repeat(16 * 1024).getBytes(StandardCharsets.US_ASCII);
        behave(exchange -> {
            exchange.sendResponseHeaders(status, 0);
            sendForEver(exchange, spaces, 0);
        });
    }

    private void sendForEver(HttpExchange exchange, byte[] piece, int pauseMillis) throws IOException {
        if (exchange.getResponseCode() < 0) {
            exchange.sendResponseHeaders(200, 0);
        }
        OutputStream body = exchange.getResponseBody();
        try {
            while (!closed.await(pauseMillis, TimeUnit.MILLISECONDS)) {
                body.write(piece);
                body.flush();
                bytesSent.addAndGet(piece.length);
            }
        } catch (IOException e) {
            hungUp.countDown();
            throw e;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void waitForTheEnd() {
        try {
            closed.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void send(HttpExchange exchange, String document) throws IOException {
        byte[] bytes = document.getBytes(StandardCharsets.UTF_8);
        bodies.incrementAndGet();
        exchange.sendResponseHeaders(200, bytes.length == 0 ? -1 : bytes.length);
        exchange.getResponseBody().write(bytes);
    }

    private static void addHeaders(HttpExchange exchange, String... headers) {
        for (int i = 0; i < headers.length; i += 2) {
            exchange.getResponseHeaders().set(headers[i], headers[i + 1]);
        }
    }

    private static @Nullable String header(HttpExchange exchange, String name) {
        return exchange.getRequestHeaders().getFirst(name);
    }

    @Override
    public void close() {
        closed.countDown();
        server.stop(0);
        executor.shutdownNow();
        try {
            if (!executor.awaitTermination(5, TimeUnit.SECONDS)) {
                throw new UncheckedIOException(new IOException("a handler does not end"));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
