package dev.shepherd.testkit.contract;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/** A real server to stand behind a {@link FaultProxy}: servers in racks, by name. */
final class Racks implements AutoCloseable {

    /** A request, as it arrived here. */
    record Arrived(String line, String host, String headers, byte[] body) {}

    final List<String> names = new CopyOnWriteArrayList<>();
    final List<Arrived> arrived = new CopyOnWriteArrayList<>();
    private final HttpServer server;
    private final String scheme;
    private final ExecutorService executor = Executors.newCachedThreadPool();

    Racks(@Nullable SSLContext tls) throws IOException {
        InetSocketAddress address = new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0);
        if (tls == null) {
            server = HttpServer.create(address, 0);
            scheme = "http";
        } else {
            HttpsServer https = HttpsServer.create(address, 0);
            https.setHttpsConfigurator(new HttpsConfigurator(tls));
            server = https;
            scheme = "https";
        }
        server.setExecutor(executor);
        server.createContext("/", this::handle);
        server.start();
    }

    String origin() {
        return scheme + "://127.0.0.1:" + server.getAddress().getPort();
    }

    URI uri() {
        return URI.create(origin() + "/api");
    }

    /** Returns how many requests of a method and path there were. */
    long count(String line) {
        return arrived.stream().filter(request -> request.line.equals(line)).count();
    }

    private void handle(HttpExchange exchange) throws IOException {
        String line = exchange.getRequestMethod() + " " + exchange.getRequestURI();
        byte[] body = exchange.getRequestBody().readAllBytes();
        String headers = exchange.getRequestHeaders().entrySet().stream()
                .map(header -> header.getKey().toLowerCase(Locale.ROOT) + ": " + header.getValue())
                .collect(Collectors.joining("\n"));
        String host = Objects.requireNonNull(exchange.getRequestHeaders().getFirst("Host"));
        arrived.add(new Arrived(line, host, headers, body));
        String text = new String(body, StandardCharsets.UTF_8);
        switch (line.split("[?]")[0]) {
            case "GET /api/servers" -> send(exchange, 200, json(names));
            case "GET /api/racks" ->
                send(exchange, 200, "{\"total\": %d, \"servers\": %s}".formatted(names.size(), json(names)));
            case "GET /api/pages" ->
                sendPage(
                        exchange,
                        Integer.parseInt(exchange.getRequestURI().getQuery().substring(5)));
            case "POST /api/servers" -> {
                names.add(text);
                // As servers do that build links from what they are called.
                exchange.getResponseHeaders().set("Location", scheme + "://" + host + "/api/servers/" + text);
                send(
                        exchange,
                        201,
                        "{\"name\": \"%s\", \"self\": \"%s\\/api\\/servers\\/%s\"}"
                                .formatted(text, origin().replace("/", "\\/"), text));
            }
            case "DELETE /api/servers" -> {
                names.clear();
                exchange.sendResponseHeaders(204, -1);
            }
            case "POST /api/echo" -> {
                exchange.getResponseHeaders().set("Content-Type", "application/octet-stream");
                exchange.getRequestHeaders()
                        .getOrDefault("X-Sent", List.of())
                        .forEach(sent -> exchange.getResponseHeaders().set("X-Sent", sent));
                exchange.sendResponseHeaders(200, 0);
                exchange.getResponseBody().write(body);
            }
            default -> send(exchange, 404, "{\"error\": \"there is no %s\"}".formatted(line));
        }
        exchange.close();
    }

    private void sendPage(HttpExchange exchange, int page) throws IOException {
        List<String> shown = names.subList(Math.min(names.size(), 2 * page), Math.min(names.size(), 2 * page + 2));
        String next = 2 * page + 2 < names.size() ? "\"%s/api/pages?page=%d\"".formatted(origin(), page + 1) : "null";
        send(exchange, 200, "{\"next\": %s, \"servers\": %s}".formatted(next, json(shown)));
    }

    private static String json(List<String> names) {
        return names.stream().map(name -> "{\"name\": \"" + name + "\"}").collect(Collectors.joining(", ", "[", "]"));
    }

    private static void send(HttpExchange exchange, int status, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        boolean isHead = exchange.getRequestMethod().equals("HEAD");
        exchange.sendResponseHeaders(status, isHead ? -1 : bytes.length);
        if (!isHead) {
            exchange.getResponseBody().write(bytes);
        }
    }

    @Override
    public void close() {
        server.stop(0);
        executor.shutdownNow();
    }
}
