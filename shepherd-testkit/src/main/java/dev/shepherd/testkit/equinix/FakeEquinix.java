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
    public static final int MAX_PAGE_SIZE = EquinixApi.MAX_PAGE_SIZE;

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

    private final HttpServer server;
    private final ExecutorService executor;
    private final String token;
    private final Object lock = new Object();
    private final CountDownLatch closed = new CountDownLatch(1);
    private final EquinixProject project;
    private final EquinixApi api;
    private final Map<Operation, Deque<Fault>> faults = new EnumMap<>(Operation.class);
    private final List<Call> calls = new ArrayList<>();
    private double faultShare;
    private Random random = new Random(0);
    private Duration latency = Duration.ZERO;
    private int running;
    private int mostRunning;

    private FakeEquinix(Builder builder) {
        token = builder.token;
        project = new EquinixProject(builder.clock, builder.queued, builder.provisioning, builder.hosts);
        api = new EquinixApi(token, project);
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

    /** Adds a device that another client made, without a reservation. It is active. */
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
            api.freezeListings();
        }
    }

    /** Makes listings show what is there. */
    public void thawListings() {
        synchronized (lock) {
            api.thawListings();
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
        Operation operation = Operation.of(method, path);
        Duration delay;
        Optional<Fault> fault;
        synchronized (lock) {
            mostRunning = Math.max(mostRunning, ++running);
            fault = nextFault(operation);
            delay = fault.flatMap(Fault::delay).orElse(latency);
        }
        String query = Objects.requireNonNullElse(exchange.getRequestURI().getRawQuery(), "");
        String body = "";
        int status = 0;
        String answered = "";
        boolean whole = false;
        try {
            body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            EquinixApi.Answer answer;
            if (fault.filter(Fault::isBeforeEffect).isPresent()) {
                fault.get().run();
                answer = fault.get().answer();
            } else {
                synchronized (lock) {
                    String tokenGiven = exchange.getRequestHeaders().getFirst("X-Auth-Token");
                    answer = api.answer(tokenGiven, operation, path, query, body);
                }
                fault.ifPresent(Fault::run);
            }
            // Waits as long as the call is to take, but not beyond the server's end.
            if (delay.isZero() || !closed.await(delay.toNanos(), TimeUnit.NANOSECONDS)) {
                whole = fault.map(Fault::answers).orElse(true);
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
                send(exchange, status, answered, fault.flatMap(Fault::retryAfter));
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
