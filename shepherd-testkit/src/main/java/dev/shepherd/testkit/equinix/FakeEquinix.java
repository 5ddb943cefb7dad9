package dev.shepherd.testkit.equinix;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.shepherd.testkit.equinix.EquinixProject.DeviceRow;
import dev.shepherd.testkit.equinix.EquinixProject.Refusal;
import dev.shepherd.testkit.equinix.EquinixProject.Reservation;
import dev.shepherd.testkit.ssh.SshHost;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * An API server of Equinix Metal in the process: one project with hardware reservations, devices and SSH keys, over
 * HTTP on loopback.
 *
 * <p>It answers with the statuses and bodies of the real one, as far as its description tells. Devices are queued, then
 * provisioned, then active, by a {@linkplain Builder#clock clock} that a test can move. What stands behind a device, an
 * {@link SshHost} for one, is up to {@link Builder#hosts}.
 *
 * <p><strong>Faults.</strong> Each {@link #failNext} is for one call of an operation; they are used up in the order in
 * which they were given. {@link #failRandomly} is for a share of all calls, and {@link #freezeListings()} makes
 * listings stale.
 *
 * <p>Safe for use by several threads.
 */
public final class FakeEquinix implements AutoCloseable {

    /** The largest page, as with the real API. */
    public static final int MAX_PAGE_SIZE = 1000;

    private static final int DEFAULT_PAGE_SIZE = 10;

    /** The calls of the API. */
    public enum Operation {
        /** {@code GET /projects/ID/devices}. */
        LIST_DEVICES,
        /** {@code POST /projects/ID/devices}. */
        CREATE_DEVICE,
        /** {@code GET /devices/ID}. */
        GET_DEVICE,
        /** {@code PUT /devices/ID}. */
        UPDATE_DEVICE,
        /** {@code DELETE /devices/ID}. */
        DELETE_DEVICE,
        /** {@code POST /devices/ID/actions}. */
        DEVICE_ACTION,
        /** {@code GET /projects/ID/hardware-reservations}. */
        LIST_RESERVATIONS,
        /** {@code GET /projects/ID/ssh-keys}. */
        LIST_KEYS,
        /** {@code POST /projects/ID/ssh-keys}. */
        CREATE_KEY,
        /** {@code PUT /ssh-keys/ID}. */
        UPDATE_KEY,
        /** Anything else, which is answered with 404. */
        OTHER
    }

    /** Something that goes wrong with one call. Immutable. */
    public static final class Fault {
        private enum Kind {
            ANSWER,
            DROP_BEFORE,
            DROP_AFTER,
            DELAY
        }

        private final Kind kind;
        private final int status;
        private final String body;
        private final Optional<String> retryAfter;
        private final Duration delay;
        private final Runnable action;

        private Fault(
                Kind kind, int status, String body, Optional<String> retryAfter, Duration delay, Runnable action) {
            this.kind = kind;
            this.status = status;
            this.body = body;
            this.retryAfter = retryAfter;
            this.delay = delay;
            this.action = action;
        }

        private static Fault answer(int status, String body, Optional<String> retryAfter) {
            return new Fault(Kind.ANSWER, status, body, retryAfter, Duration.ZERO, () -> {});
        }

        private static Fault run(Kind kind, Runnable action) {
            return new Fault(kind, 0, "", Optional.empty(), Duration.ZERO, action);
        }

        /** Answers with an error in place of doing what is asked. */
        public static Fault answer(int status, String error) {
            return answer(status, EquinixJson.write(errors(error)), Optional.empty());
        }

        /** Answers with an error and a {@code Retry-After}, in seconds or as a date, in place of doing what is asked. */
        public static Fault answer(int status, String error, String retryAfter) {
            return answer(status, EquinixJson.write(errors(error)), Optional.of(retryAfter));
        }

        /** Answers with any body, such as one that is no JSON, in place of doing what is asked. */
        public static Fault answerRaw(int status, String body) {
            return answer(status, body, Optional.empty());
        }

        /** Drops the connection in place of doing what is asked. */
        public static Fault dropBeforeEffect() {
            return runBeforeEffect(() -> {});
        }

        /** Does what is asked, and drops the connection in place of answering. */
        public static Fault dropAfterEffect() {
            return runAfterEffect(() -> {});
        }

        /** Does what is asked, and answers late. */
        public static Fault delay(Duration delay) {
            return new Fault(Kind.DELAY, 0, "", Optional.empty(), delay, () -> {});
        }

        /** Runs something when the call has arrived, and drops the connection in place of doing what is asked. */
        public static Fault runBeforeEffect(Runnable action) {
            return run(Kind.DROP_BEFORE, action);
        }

        /** Does what is asked, runs something, and drops the connection in place of answering. */
        public static Fault runAfterEffect(Runnable action) {
            return run(Kind.DROP_AFTER, action);
        }

        private boolean isBeforeEffect() {
            return kind == Kind.ANSWER || kind == Kind.DROP_BEFORE;
        }

        @Override
        public String toString() {
            return kind == Kind.ANSWER ? kind + " " + status : kind.toString();
        }
    }

    /**
     * One call, as it was answered.
     *
     * @param operation what was called
     * @param method the HTTP method
     * @param path the path below the endpoint, without the query
     * @param query the query as it was sent, empty if there was none
     * @param requestBody the body that was sent, empty if there was none
     * @param status the status of the answer, 0 where the connection was dropped
     * @param responseBody the body of the answer, empty if there was none
     * @param fault what was made to go wrong with it
     * @param arrivedNanos when it arrived, in the time of {@link System#nanoTime()}
     */
    public record Call(
            Operation operation,
            String method,
            String path,
            String query,
            String requestBody,
            int status,
            String responseBody,
            Optional<Fault> fault,
            long arrivedNanos) {}

    /**
     * A device at one moment.
     *
     * @param id its id
     * @param hostname its hostname
     * @param reservationId the reservation behind it
     * @param state its state, in the words of the API
     * @param tags its tags
     * @param sshKeys the public keys that it lets in, as lines of {@code authorized_keys}
     * @param operatingSystem what is installed on it
     */
    public record Device(
            UUID id,
            String hostname,
            Optional<UUID> reservationId,
            String state,
            List<String> tags,
            List<String> sshKeys,
            String operatingSystem) {}

    /**
     * An address of a device.
     *
     * @param address the address
     * @param isPublic whether the API calls it public
     */
    public record Address(InetAddress address, boolean isPublic) {}

    /** What stands behind a device. It is told what is done to the device, while the API is locked. */
    public interface Host {

        /** Nothing: the device has invented addresses, at which nobody answers. */
        Host NONE = new Host() {};

        /** Returns the public address of the device; empty for invented ones. */
        default Optional<InetAddress> address() {
            return Optional.empty();
        }

        /** The device is rebooted. */
        default void reboot() {}

        /** The device is reinstalled. */
        default void reinstall() {}

        /** The device is deleted, or the API closed. */
        default void close() {}
    }

    private record Answer(int status, String body) {
        static Answer of(int status, Object body) {
            return new Answer(status, EquinixJson.write(body));
        }
    }

    private final HttpServer server;
    private final ExecutorService executor;
    private final String token;
    private final Object lock = new Object();
    private final CountDownLatch closed = new CountDownLatch(1);
    private final EquinixProject project;
    private final Map<Operation, Deque<Fault>> faults = new EnumMap<>(Operation.class);
    private final List<Call> calls = new ArrayList<>();
    private double faultShare;
    private Random random = new Random(0);
    private Duration latency = Duration.ZERO;
    private @Nullable List<Object> frozenDevices;
    private @Nullable List<Object> frozenReservations;
    private int running;
    private int mostRunning;

    private FakeEquinix(Builder builder) {
        token = builder.token;
        project = new EquinixProject(builder.clock, builder.queued, builder.provisioning, builder.hosts);
        try {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), builder.port), 0);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot start a FakeEquinix on port " + builder.port, e);
        }
        AtomicInteger count = new AtomicInteger();
        executor = Executors.newCachedThreadPool(task -> {
            Thread thread = new Thread(task, "fake-equinix-" + count.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        });
        server.setExecutor(executor);
        server.createContext("/", this::handle);
        server.start();
    }

    /** Starts an empty one with the default settings. */
    public static FakeEquinix start() {
        return builder().start();
    }

    /** Starts a builder with the default settings. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns where the API is: what the paths of its operations are appended to. */
    public URI endpoint() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/metal/v1");
    }

    /** Returns the id of the project. */
    public UUID projectId() {
        return project.id;
    }

    /** Returns the token that calls have to carry. */
    public String token() {
        return token;
    }

    /**
     * Adds free reservations.
     *
     * @return their ids, in the order in which they are listed
     */
    public List<UUID> addReservations(int count) {
        List<UUID> added = new ArrayList<>();
        synchronized (lock) {
            for (int i = 0; i < count; i++) {
                Reservation reservation = new Reservation();
                project.reservations.put(reservation.id, reservation);
                added.add(reservation.id);
            }
        }
        return added;
    }

    /** Makes a free reservation one that no device can be made from, or again one that it can. */
    public void setProvisionable(UUID reservation, boolean provisionable) {
        synchronized (lock) {
            Objects.requireNonNull(project.reservations.get(reservation)).provisionable = provisionable;
        }
    }

    /** Makes a reservation a spare one, which is provisionable only once the vendor has activated it. */
    public void setSpare(UUID reservation) {
        synchronized (lock) {
            Objects.requireNonNull(project.reservations.get(reservation)).spare = true;
        }
    }

    /** Makes a reservation one that the vendor has to repair. */
    public void setNeedOfService(UUID reservation) {
        synchronized (lock) {
            Objects.requireNonNull(project.reservations.get(reservation)).needOfService = true;
        }
    }

    /** Adds a device that was made by somebody else, without a reservation. It is active. */
    public UUID addDevice(String hostname, String... tags) {
        synchronized (lock) {
            DeviceRow device = new DeviceRow(hostname, Instant.EPOCH);
            device.tags = List.of(tags);
            project.add(device);
            return device.id;
        }
    }

    /** Sets the state of a device, in the words of the API, whatever its clock says; null gives it back to the clock. */
    public void setState(UUID device, @Nullable String state) {
        synchronized (lock) {
            find(device).fixedState = state;
        }
    }

    /** Sets the addresses of a device. */
    public void setAddresses(UUID device, List<Address> addresses) {
        synchronized (lock) {
            find(device).addresses = List.copyOf(addresses);
        }
    }

    /** Removes a device as if it had been deleted; its reservation is free again. */
    public void removeDevice(UUID device) {
        synchronized (lock) {
            find(device);
            try {
                project.delete(device);
            } catch (Refusal e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /**
     * Moves a device to a project that the token does not see, as the API does with one whose provisioning failed: it is
     * listed no more, and a request for it is answered with 403. Its reservation is free again.
     */
    public void moveDevice(UUID device) {
        synchronized (lock) {
            find(device);
            try {
                project.move(device);
            } catch (Refusal e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private DeviceRow find(UUID device) {
        DeviceRow found = project.devices.get(device);
        if (found == null) {
            throw new IllegalArgumentException("there is no device " + device);
        }
        return found;
    }

    /** Returns the devices as they are now, whatever the listings say. */
    public List<Device> devices() {
        synchronized (lock) {
            return project.devices.values().stream().map(project::describe).toList();
        }
    }

    /** Returns the labels and texts of the project's SSH keys. */
    public List<Map.Entry<String, String>> sshKeys() {
        synchronized (lock) {
            return project.keys.values().stream()
                    .map(key -> Map.entry(key.label, key.key))
                    .toList();
        }
    }

    /** Makes one call of an operation go wrong. */
    public void failNext(Operation operation, Fault fault) {
        synchronized (lock) {
            faults.computeIfAbsent(operation, o -> new ArrayDeque<>()).add(fault);
        }
    }

    /**
     * Makes a share of all calls go wrong, each with 429, with 500, or with a connection that is dropped before or after
     * the effect.
     *
     * @param share from 0, for none, to 1
     * @param seed of the choice of calls and faults
     */
    public void failRandomly(double share, long seed) {
        synchronized (lock) {
            faultShare = share;
            random = new Random(seed);
        }
    }

    /** Forgets all faults that were given and not used up. */
    public void clearFaults() {
        synchronized (lock) {
            faults.clear();
            faultShare = 0;
        }
    }

    /** Makes every answer take this long. */
    public void setLatency(Duration latency) {
        synchronized (lock) {
            this.latency = latency;
        }
    }

    /** Makes listings of devices and reservations show what is there now until {@link #thawListings()}. */
    public void freezeListings() {
        synchronized (lock) {
            frozenDevices = List.copyOf(project.devices.values().stream()
                    .map(device -> (Object) project.json(device, List.of("hardware_reservation")))
                    .toList());
            frozenReservations = List.copyOf(project.reservations.values().stream()
                    .map(reservation -> (Object) project.json(reservation, List.of()))
                    .toList());
        }
    }

    /** Makes listings show what is there. */
    public void thawListings() {
        synchronized (lock) {
            frozenDevices = null;
            frozenReservations = null;
        }
    }

    /** Returns the calls so far, in the order of their answers. */
    public List<Call> calls() {
        synchronized (lock) {
            return List.copyOf(calls);
        }
    }

    /** Returns how many calls of an operation there were. */
    public long calls(Operation operation) {
        return calls().stream().filter(call -> call.operation() == operation).count();
    }

    /** Forgets the calls so far. */
    public void clearCalls() {
        synchronized (lock) {
            calls.clear();
            mostRunning = running;
        }
    }

    /** Returns how many calls there have been at once. */
    public int mostConcurrentCalls() {
        synchronized (lock) {
            return mostRunning;
        }
    }

    /** Stops the server, drops its connections and closes the hosts. Closing twice is allowed. */
    @Override
    public void close() {
        closed.countDown();
        server.stop(0);
        executor.shutdownNow();
        synchronized (lock) {
            project.devices.values().forEach(device -> device.host.close());
            project.devices.clear();
        }
    }

    private void handle(HttpExchange exchange) throws IOException {
        long arrived = System.nanoTime();
        String path = exchange.getRequestURI().getPath().replaceFirst("^/metal/v1", "");
        String method = exchange.getRequestMethod();
        Operation operation = operation(method, path);
        Duration delay;
        Optional<Fault> fault;
        synchronized (lock) {
            mostRunning = Math.max(mostRunning, ++running);
            fault = nextFault(operation);
            delay = fault.filter(f -> f.kind == Fault.Kind.DELAY)
                    .map(f -> f.delay)
                    .orElse(latency);
        }
        String query = Objects.requireNonNullElse(exchange.getRequestURI().getRawQuery(), "");
        String body = "";
        int status = 0;
        String answered = "";
        boolean whole = false;
        try {
            body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            Answer answer;
            if (fault.filter(Fault::isBeforeEffect).isPresent()) {
                fault.get().action.run();
                answer = new Answer(fault.get().status, fault.get().body);
            } else {
                answer = answer(exchange, operation, path, query, body);
                fault.ifPresent(f -> f.action.run());
            }
            // Waits as long as the call is to take, but not beyond the server's end.
            if (delay.isZero() || !closed.await(delay.toNanos(), TimeUnit.NANOSECONDS)) {
                whole = fault.map(f -> f.kind == Fault.Kind.ANSWER || f.kind == Fault.Kind.DELAY)
                        .orElse(true);
                status = whole ? answer.status() : 0;
                answered = whole ? answer.body() : "";
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            synchronized (lock) {
                running--;
                calls.add(new Call(operation, method, path, query, body, status, answered, fault, arrived));
            }
            if (whole) {
                send(exchange, status, answered, fault.flatMap(f -> f.retryAfter));
            }
            exchange.close();
        }
    }

    private static void send(HttpExchange exchange, int status, String body, Optional<String> retryAfter)
            throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        retryAfter.ifPresent(text -> exchange.getResponseHeaders().set("Retry-After", text));
        if (bytes.length > 0) {
            exchange.getResponseHeaders().set("Content-Type", "application/json; charset=utf-8");
        }
        exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
        exchange.getResponseBody().write(bytes);
    }

    private Optional<Fault> nextFault(Operation operation) {
        Deque<Fault> waiting = faults.get(operation);
        if (waiting != null && !waiting.isEmpty()) {
            return Optional.of(waiting.pop());
        }
        if (random.nextDouble() >= faultShare) {
            return Optional.empty();
        }
        return Optional.of(
                switch (random.nextInt(4)) {
                    case 0 -> Fault.answer(429, "Too many requests", "0");
                    case 1 -> Fault.answer(500, "Internal server error");
                    case 2 -> Fault.dropBeforeEffect();
                    default -> Fault.dropAfterEffect();
                });
    }

    private static Operation operation(String method, String path) {
        String[] parts = path.split("/");
        if (parts.length < 3 || parts.length > 4) {
            return Operation.OTHER;
        }
        return switch (method + " " + parts[1] + "/" + (parts.length == 4 ? parts[3] : "")) {
            case "GET projects/devices" -> Operation.LIST_DEVICES;
            case "POST projects/devices" -> Operation.CREATE_DEVICE;
            case "GET projects/hardware-reservations" -> Operation.LIST_RESERVATIONS;
            case "GET projects/ssh-keys" -> Operation.LIST_KEYS;
            case "POST projects/ssh-keys" -> Operation.CREATE_KEY;
            case "GET devices/" -> Operation.GET_DEVICE;
            case "PUT devices/" -> Operation.UPDATE_DEVICE;
            case "DELETE devices/" -> Operation.DELETE_DEVICE;
            case "POST devices/actions" -> Operation.DEVICE_ACTION;
            case "PUT ssh-keys/" -> Operation.UPDATE_KEY;
            default -> Operation.OTHER;
        };
    }

    private Answer answer(HttpExchange exchange, Operation operation, String path, String query, String body) {
        synchronized (lock) {
            try {
                if (!token.equals(exchange.getRequestHeaders().getFirst("X-Auth-Token"))) {
                    throw new Refusal(401, "Invalid authentication token");
                }
                if (operation == Operation.OTHER) {
                    throw Refusal.notFound();
                }
                String[] parts = path.split("/");
                UUID id = uuid(parts[2]);
                if (parts[1].equals("projects") && !project.id.equals(id)) {
                    throw Refusal.notFound();
                }
                return effect(operation, id, EquinixQuery.parse(query), body);
            } catch (Refusal e) {
                return Answer.of(e.status, errors(e.error));
            } catch (RuntimeException e) {
                // A host that does not start, say: whoever asked for it should read why.
                return Answer.of(500, errors(e.toString()));
            }
        }
    }

    private Answer effect(Operation operation, UUID id, EquinixQuery query, String body) throws Refusal {
        List<String> include = query.list("include");
        return switch (operation) {
            case LIST_DEVICES -> page(query, "devices", devices(query, include));
            case LIST_RESERVATIONS -> page(query, "hardware_reservations", reservations(query, include));
            case LIST_KEYS ->
                Answer.of(
                        200,
                        Map.of(
                                "ssh_keys",
                                project.keys.values().stream()
                                        .map(EquinixProject::json)
                                        .toList()));
            case GET_DEVICE -> Answer.of(200, project.json(project.device(id), include));
            case CREATE_DEVICE -> Answer.of(201, project.json(project.create(object(body)), include));
            case UPDATE_DEVICE -> {
                project.update(id, object(body));
                yield Answer.of(200, project.json(project.device(id), include));
            }
            case DELETE_DEVICE -> {
                project.delete(id);
                yield new Answer(204, "");
            }
            case DEVICE_ACTION -> {
                project.act(id, object(body));
                yield new Answer(202, "");
            }
            case CREATE_KEY -> Answer.of(201, EquinixProject.json(project.createKey(object(body))));
            case UPDATE_KEY -> Answer.of(200, EquinixProject.json(project.updateKey(id, object(body))));
            case OTHER -> throw Refusal.notFound();
        };
    }

    private List<?> devices(EquinixQuery query, List<String> include) {
        List<?> all = frozenDevices;
        if (all == null) {
            all = project.devices.values().stream()
                    .map(device -> project.json(device, include))
                    .toList();
        }
        return all.stream()
                .filter(device -> query.matches("hostname", ((Map<?, ?>) device).get("hostname")))
                .filter(device -> query.text("tag")
                        .map(tag -> ((List<?>) Objects.requireNonNull(((Map<?, ?>) device).get("tags"))).contains(tag))
                        .orElse(true))
                .toList();
    }

    private List<?> reservations(EquinixQuery query, List<String> include) {
        List<?> all = frozenReservations;
        if (all == null) {
            all = project.reservations.values().stream()
                    .map(reservation -> project.json(reservation, include))
                    .toList();
        }
        boolean free = query.text("provisionable").isPresent();
        return all.stream()
                .filter(reservation -> !free || Boolean.TRUE.equals(((Map<?, ?>) reservation).get("provisionable")))
                .toList();
    }

    private Answer page(EquinixQuery query, String name, List<?> all) throws Refusal {
        int perPage = query.number("per_page", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE);
        int page = query.number("page", 1, 100_000);
        int pages = Math.max(1, (all.size() + perPage - 1) / perPage);
        int from = Math.min(all.size(), (page - 1) * perPage);
        List<?> items = all.subList(from, Math.min(all.size(), from + perPage));
        Map<String, Object> meta = new LinkedHashMap<>();
        String base = "/metal/v1/projects/" + project.id + "/" + name.replace('_', '-') + "?per_page=" + perPage;
        meta.put("first", href(base, 1));
        if (page > 1) {
            meta.put("previous", href(base, page - 1));
        }
        meta.put("self", href(base, page));
        if (page < pages) {
            meta.put("next", href(base, page + 1));
        }
        meta.put("last", href(base, pages));
        meta.put("total", all.size());
        meta.put("current_page", page);
        meta.put("last_page", pages);
        return Answer.of(200, Map.of(name, items, "meta", meta));
    }

    private static Map<String, String> href(String base, int page) {
        return Map.of("href", base + "&page=" + page);
    }

    private static Map<String, @Nullable Object> object(String body) throws Refusal {
        try {
            return EquinixJson.readObject(body);
        } catch (IOException e) {
            throw Refusal.unprocessable("the body is not JSON as expected: " + e.getMessage());
        }
    }

    private static Map<String, List<String>> errors(String error) {
        return Map.of("errors", List.of(error));
    }

    private static UUID uuid(String text) throws Refusal {
        try {
            return UUID.fromString(text);
        } catch (IllegalArgumentException e) {
            throw Refusal.notFound();
        }
    }

    /** Collects the settings of a {@link FakeEquinix}. Not safe for several threads. */
    public static final class Builder {
        private int port;
        private String token = "fake-token-" + UUID.randomUUID();
        private Clock clock = Clock.systemUTC();
        private Duration queued = Duration.ZERO;
        private Duration provisioning = Duration.ZERO;
        private Function<Device, Host> hosts = device -> Host.NONE;

        private Builder() {}

        /** Sets the TCP port to listen on; 0, the default, takes a free one. */
        public Builder port(int port) {
            if (port < 0 || port > 65535) {
                throw new IllegalArgumentException("port " + port + " is not from 0 to 65535");
            }
            this.port = port;
            return this;
        }

        /** Sets the token that calls have to carry; one of its own by default. */
        public Builder token(String token) {
            this.token = Objects.requireNonNull(token, "token");
            return this;
        }

        /** Sets the clock by which devices come into being; the system's by default. */
        public Builder clock(Clock clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /** Sets how long a new device is queued, without an address. None by default. */
        public Builder queued(Duration queued) {
            this.queued = Objects.requireNonNull(queued, "queued");
            return this;
        }

        /** Sets how long a device is provisioned or reinstalled before it is active. None by default. */
        public Builder provisioning(Duration provisioning) {
            this.provisioning = Objects.requireNonNull(provisioning, "provisioning");
            return this;
        }

        /** Sets what stands behind each new device; nothing by default. */
        public Builder hosts(Function<Device, Host> hosts) {
            this.hosts = Objects.requireNonNull(hosts, "hosts");
            return this;
        }

        /**
         * Starts the server.
         *
         * @throws UncheckedIOException if the port is taken
         */
        public FakeEquinix start() {
            return new FakeEquinix(this);
        }
    }
}
