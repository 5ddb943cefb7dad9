package com.example.racks;

import com.example.racks.RackController.Server;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.shepherd.testkit.contract.ContractFault;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A made-up controller: an HTTP API over servers in memory, on loopback, with faults to be let in. */
final class RackControllerServer implements AutoCloseable {

    static final String TOKEN = "a-token-for-the-controller";

    private static final ObjectMapper JSON = new ObjectMapper();

    private final HttpServer http;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    private final Object lock = new Object();
    private final Map<String, Server> servers = new LinkedHashMap<>();
    private final List<String> powerCycled = new ArrayList<>();
    private ContractFault fault;
    private List<Server> staleListing;
    private CountDownLatch healed = new CountDownLatch(0);

    private RackControllerServer() throws IOException {
        http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        http.setExecutor(threads);
        http.createContext("/", this::handle);
        http.start();
    }

    static RackControllerServer start() throws IOException {
        return new RackControllerServer();
    }

    URI uri() {
        return URI.create("http://127.0.0.1:" + http.getAddress().getPort());
    }

    /** Adds free servers that nothing listens on. */
    void addServers(int count) {
        for (int i = 0; i < count; i++) {
            addServer(InetAddress.getLoopbackAddress(), 22);
        }
    }

    /** Adds a free server. */
    void addServer(InetAddress address, int sshPort) {
        synchronized (lock) {
            int number = servers.size();
            String rack = "r" + (number / 40 + 1);
            String serial = "%s-u%02d".formatted(rack, number % 40 + 1);
            servers.put(serial, new Server(serial, rack, address.getHostAddress(), sshPort, "on", null));
        }
    }

    int timesPowerCycled(String serial) {
        synchronized (lock) {
            return (int) powerCycled.stream().filter(serial::equals).count();
        }
    }

    /** Lets a fault in until it is healed. */
    void inject(ContractFault next) {
        synchronized (lock) {
            fault = next;
            staleListing = List.copyOf(servers.values());
            healed = new CountDownLatch(1);
        }
    }

    void heal() {
        synchronized (lock) {
            fault = null;
            healed.countDown();
        }
    }

    @Override
    public void close() {
        heal();
        http.stop(0);
        threads.shutdownNow();
    }

    private record Answer(int status, Object body) {}

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            boolean changes = !exchange.getRequestMethod().equals("GET");
            byte[] body = exchange.getRequestBody().readAllBytes();
            Answer refusal = refusal(exchange, changes);
            Answer answer = refusal != null ? refusal : answer(exchange, body);
            if (changes && isLost()) {
                return;
            }
            byte[] bytes = JSON.writeValueAsBytes(answer.body());
            exchange.sendResponseHeaders(answer.status(), bytes.length);
            exchange.getResponseBody().write(bytes);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Answer refusal(HttpExchange exchange, boolean changes) throws InterruptedException {
        if (is(ContractFault.HANGING)) {
            healed.await();
        }
        if (is(ContractFault.UNREACHABLE)) {
            return new Answer(503, "down for a moment");
        }
        String authorization = exchange.getRequestHeaders().getFirst("Authorization");
        if (is(ContractFault.UNAUTHENTICATED) || !("Bearer " + TOKEN).equals(authorization)) {
            return new Answer(401, "who are you?");
        }
        if (is(ContractFault.RATE_LIMITED)) {
            exchange.getResponseHeaders().set("Retry-After", "7");
            return new Answer(429, "not so fast");
        }
        return changes && is(ContractFault.CONFLICT) ? new Answer(409, "busy") : null;
    }

    private Answer answer(HttpExchange exchange, byte[] body) throws IOException {
        // "", "servers", the serial, and what is to be done with it
        String[] path = exchange.getRequestURI().getPath().split("/");
        String call = exchange.getRequestMethod() + (path.length > 3 ? " " + path[3] : "");
        synchronized (lock) {
            if (path.length == 2) {
                return new Answer(200, listing());
            }
            Server server = path.length > 2 ? servers.get(path[2]) : null;
            if (server == null) {
                return new Answer(404, "no such server");
            }
            return switch (call) {
                case "GET" -> new Answer(200, server);
                case "PUT claim" -> claim(server, UUID.fromString(JSON.readTree(body).get("claim").asText()));
                case "POST power-cycle" -> powerCycle(server);
                default -> new Answer(405, "what is " + call + "?");
            };
        }
    }

    private List<Server> listing() {
        List<Server> listing = new ArrayList<>(is(ContractFault.STALE_LISTING) ? staleListing : servers.values());
        if (is(ContractFault.DUPLICATE_MACHINE)) {
            listing.addAll(List.copyOf(listing));
        }
        return listing;
    }

    private Answer claim(Server server, UUID claim) {
        if (server.claim() != null && !server.claim().equals(claim)) {
            return new Answer(409, "claimed already");
        }
        Server claimed = new Server(
                server.serial(), server.rack(), server.address(), server.sshPort(), server.power(), claim);
        servers.put(server.serial(), claimed);
        return new Answer(200, claimed);
    }

    private Answer powerCycle(Server server) {
        powerCycled.add(server.serial());
        return new Answer(202, server);
    }

    private boolean is(ContractFault asked) {
        synchronized (lock) {
            return fault == asked;
        }
    }

    /** Only one answer is lost. */
    private boolean isLost() {
        synchronized (lock) {
            boolean lost = fault == ContractFault.LOST_ANSWER;
            fault = lost ? null : fault;
            return lost;
        }
    }
}
