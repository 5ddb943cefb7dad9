package com.example.racks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.testkit.contract.OutsideChange;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A made-up controller: an HTTP API over servers in memory, on loopback. It lists two servers to a page, and finds a server
 * by its serial in capitals too. A server is deployed when {@link #finishDeployments} is called.
 */
final class RackControllerServer implements AutoCloseable {

    static final String TOKEN = "a-token-for-the-controller";

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int PAGE = 2;

    private final HttpServer http;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    private final Object lock = new Object();
    private final TreeMap<String, ObjectNode> servers = new TreeMap<>();
    private final List<String> acts = new ArrayList<>();

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

    /** Adds free servers that nothing listens on, each with an address of its own. */
    void addServers(int count) throws IOException {
        for (int i = 1; i <= count; i++) {
            addServer(InetAddress.getByAddress(new byte[] {127, 0, 1, (byte) i}), 2200 + i);
        }
    }

    /** Adds a free server. */
    void addServer(InetAddress address, int sshPort) {
        synchronized (lock) {
            int number = servers.size();
            String rack = "r" + (number / 40 + 1);
            String serial = "%s-u%02d".formatted(rack, number % 40 + 1);
            servers.put(
                    serial,
                    JSON.createObjectNode()
                            .put("serial", serial)
                            .put("rack", rack)
                            .put("fleet", "shepherd")
                            .put("state", "available")
                            .put("address", address.getHostAddress())
                            .put("sshPort", sshPort));
        }
    }

    /** Returns what is to be said of a server. */
    MachineInfo machine(ProviderID id) throws IOException {
        synchronized (lock) {
            ObjectNode server = servers.get(id.value());
            boolean used = server.has("claim");
            return MachineInfo.builder(id, used ? Availability.KNOWN_USED : Availability.KNOWN_UNUSED)
                    .address(InetAddress.getByName(server.get("address").asText()))
                    .sshPort(server.get("sshPort").asInt())
                    .location(server.get("rack").asText())
                    .build();
        }
    }

    /** Has something become of a server. */
    void change(ProviderID id, OutsideChange change) {
        synchronized (lock) {
            ObjectNode server = servers.get(id.value());
            switch (change) {
                case FAILED -> server.put("state", "broken");
                case FOREIGN -> server.put("fleet", "another");
                case WITHOUT_ADDRESS -> server.remove("address");
                case MALFORMED -> server.put("sshPort", "none").put("rack", 17);
                case STOPPED -> server.put("state", "stopped");
                case IN_CREATION -> server.put("state", "deploying");
                case GONE -> servers.remove(id.value());
            }
        }
    }

    /** Has all deployments that are under way be over. */
    void finishDeployments() {
        synchronized (lock) {
            servers.values().stream()
                    .filter(server -> server.path("state").asText().equals("deploying"))
                    .forEach(server -> server.put("state", "running"));
        }
    }

    /** Tells how often a server was deployed, or turned off and on. */
    int times(String action, String serial) {
        synchronized (lock) {
            return Collections.frequency(acts, action + " " + serial);
        }
    }

    @Override
    public void close() {
        http.stop(0);
        threads.shutdownNow();
    }

    private record Answer(int status, Object body) {}

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            Answer answer = answer(exchange, exchange.getRequestBody().readAllBytes());
            byte[] bytes = JSON.writeValueAsBytes(answer.body());
            exchange.sendResponseHeaders(answer.status(), bytes.length);
            exchange.getResponseBody().write(bytes);
        }
    }

    private Answer answer(HttpExchange exchange, byte[] body) throws IOException {
        if (!("Bearer " + TOKEN).equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
            return new Answer(401, "who are you?");
        }
        // "", "servers", the serial, and what is to be done with it
        String[] path = exchange.getRequestURI().getPath().split("/");
        String call = exchange.getRequestMethod() + (path.length > 3 ? " " + path[3] : "");
        synchronized (lock) {
            if (path.length == 2) {
                return page(exchange.getRequestURI().getQuery().replace("after=", ""));
            }
            ObjectNode server = path.length > 2 ? servers.get(path[2].toLowerCase()) : null;
            if (server == null) {
                return new Answer(404, "no such server");
            }
            return switch (call) {
                case "GET" -> new Answer(200, server.deepCopy());
                case "PUT claim" ->
                    claim(server, JSON.readTree(body).path("claim").asText());
                case "POST deploy" -> act("deploy", server, "deploying");
                case "POST power-cycle" -> act("power-cycle", server, "running");
                default -> new Answer(405, "what is " + call + "?");
            };
        }
    }

    /** A page begins after the last server of the one before, which has to be there still. */
    private Answer page(String after) {
        if (!after.isEmpty() && !servers.containsKey(after)) {
            return new Answer(410, "there is no server " + after + " any more");
        }
        List<ObjectNode> page = servers.tailMap(after, false).values().stream()
                .limit(PAGE)
                .map(ObjectNode::deepCopy)
                .toList();
        String last =
                page.isEmpty() ? "" : page.get(page.size() - 1).path("serial").asText();
        boolean more = !last.isEmpty() && !last.equals(servers.lastKey());
        return new Answer(200, more ? Map.of("servers", page, "next", last) : Map.of("servers", page));
    }

    private Answer claim(ObjectNode server, String claim) {
        boolean claimed =
                server.hasNonNull("claim") || !server.path("state").asText().equals("available");
        if (claimed && !server.path("claim").asText().equals(claim)) {
            return new Answer(409, "not available");
        }
        if (!claimed) {
            server.put("claim", claim).put("state", "claimed");
        }
        return new Answer(200, server.deepCopy());
    }

    private Answer act(String action, ObjectNode server, String state) {
        if (!server.hasNonNull("claim")) {
            return new Answer(409, "not claimed");
        }
        acts.add(action + " " + server.path("serial").asText());
        return new Answer(202, server.put("state", state).deepCopy());
    }
}
