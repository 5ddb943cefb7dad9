package dev.shepherd.manager.agent;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.AgentCall;
import dev.shepherd.bmdb.AgentCallException;
import dev.shepherd.bmdb.AgentCallback;
import dev.shepherd.bmdb.AgentReply;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.manager.agent.proto.AgentRequest;
import dev.shepherd.manager.agent.proto.AgentResponse;
import dev.shepherd.manager.agent.proto.InstallationReport;
import dev.shepherd.manager.agent.proto.InstallationRequest;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Clock;
import java.time.Duration;
import java.util.Base64;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where agents report to over HTTP: it checks that a request was signed with the agent's key and hands it to an
 * {@link AgentCallback}. {@code docs/agents.md} describes the protocol.
 *
 * <pre>{@code
 * try (AgentEndpoint endpoint = AgentEndpoint.builder().callback(callback).build()) {
 *     endpoint.start();
 *     AgentTakeover.builder().endpoint(endpoint.url())…
 * }
 * }</pre>
 *
 * <p>It listens on the loopback interface unless told otherwise, and speaks plain HTTP: requests cannot be forged or
 * altered, but they can be read, and repeated within {@link Builder#maxClockSkew}. Where that matters, put a proxy that
 * speaks TLS before it.
 *
 * <p>Nothing runs before {@link #start()}, nothing is left after {@link #close()}. Safe for use by several threads.
 */
public final class AgentEndpoint implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(AgentEndpoint.class);

    /** The port that it listens on by default: 7834. */
    public static final int DEFAULT_PORT = 7834;

    /** The path of requests: {@code /v1/agent}. */
    public static final String PATH = "/v1/agent";

    static final String MACHINE = "Shepherd-Machine";
    static final String KEY = "Shepherd-Key";
    static final String TIME = "Shepherd-Time";
    static final String SIGNATURE = "Shepherd-Signature";
    static final String REASON = "Shepherd-Reason";

    private static final int KEY_BYTES = 32;
    private static final int BACKLOG = 1024;

    /** How long a request that was read may take to be answered. Longer than the callback takes by default. */
    private static final Duration ANSWER_LIMIT = Duration.ofSeconds(30);

    private final AgentCallback callback;
    private final InetSocketAddress address;
    private final Duration maxClockSkew;
    private final int maxBodySize;
    private final int threads;
    private final Duration readTimeout;
    private final Clock clock;
    private final Object lock = new Object();
    private @Nullable HttpServer server;
    private @Nullable RequestThreads workers;
    private boolean closed;

    private AgentEndpoint(Builder values, AgentCallback callback) {
        this.callback = callback;
        address = values.address;
        maxClockSkew = values.maxClockSkew;
        maxBodySize = values.maxBodySize;
        threads = values.threads;
        readTimeout = values.readTimeout;
        clock = values.clock;
    }

    /** Starts with the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Begins to listen.
     *
     * @throws UncheckedIOException if it cannot listen on its address
     * @throws IllegalStateException if it was started or closed before
     */
    public void start() {
        synchronized (lock) {
            if (server != null || closed) {
                throw new IllegalStateException("the endpoint was started or closed before: make another one");
            }
            HttpServer made;
            try {
                made = HttpServer.create(address, BACKLOG);
            } catch (IOException e) {
                throw new UncheckedIOException("cannot listen on " + address + ": " + e.getMessage(), e);
            }
            RequestThreads pool = new RequestThreads("shepherd-agent-endpoint", threads, readTimeout);
            made.setExecutor(pool);
            made.createContext("/", exchange -> handle(exchange, pool));
            made.start();
            server = made;
            workers = pool;
        }
    }

    /**
     * Returns the address that it listens on, with the real port.
     *
     * @throws IllegalStateException if it is not started
     */
    public InetSocketAddress address() {
        synchronized (lock) {
            if (server == null) {
                throw new IllegalStateException("the endpoint is not started");
            }
            return server.getAddress();
        }
    }

    /**
     * Returns the URL that agents on this network find it at. If it listens on all interfaces, nobody but the caller
     * knows which of them agents reach.
     *
     * @throws IllegalStateException if it is not started, or listens on all interfaces
     */
    public String url() {
        InetSocketAddress listening = address();
        if (listening.getAddress().isAnyLocalAddress()) {
            throw new IllegalStateException(
                    "the endpoint listens on all interfaces: which of them agents reach is not known here");
        }
        return url(listening);
    }

    /** Returns the URL of an endpoint that listens on an address. */
    public static String url(InetSocketAddress listening) {
        String host = listening.getAddress().getHostAddress();
        return "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + listening.getPort();
    }

    /** Ends listening and the requests that are under way. The callback stays open. Closing twice is allowed. */
    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
            if (server != null && workers != null) {
                server.stop(0);
                workers.close();
            }
        }
    }

    /** An answer that is not the one that was hoped for. */
    @SuppressWarnings("serial")
    private static final class Refusal extends Exception {
        private final int status;
        private final String reason;

        Refusal(int status, String reason, String message) {
            super(message, null, false, false);
            this.status = status;
            this.reason = reason;
        }
    }

    private void handle(HttpExchange exchange, RequestThreads pool) throws IOException {
        try (exchange) {
            try {
                AgentCall call = read(exchange, pool);
                AgentReply reply = callback.call(call);
                send(exchange, 200, "application/x-protobuf", response(reply).toByteArray());
            } catch (Refusal e) {
                refuse(exchange, e.status, e.reason, String.valueOf(e.getMessage()));
            } catch (AgentCallException e) {
                refuse(exchange, status(e.reason()), e.reason().name(), String.valueOf(e.getMessage()));
            }
        } catch (InterruptedException e) {
            log.debug("a request from {} took too long, or the endpoint is being closed", exchange.getRemoteAddress());
        } catch (RuntimeException e) {
            log.error("A request from {} failed unexpectedly", exchange.getRemoteAddress(), Escaped.failure(e));
        }
    }

    private AgentCall read(HttpExchange exchange, RequestThreads pool) throws IOException, Refusal {
        if (!exchange.getRequestURI().getRawPath().equals(PATH)) {
            throw new Refusal(404, "NOT_FOUND", "requests are sent to " + PATH);
        }
        if (!exchange.getRequestMethod().equals("POST")) {
            throw new Refusal(405, "NOT_FOUND", "requests are sent by POST");
        }
        Headers headers = exchange.getRequestHeaders();
        String machine = header(headers, MACHINE);
        UUID machineId = machineId(machine);
        byte[] key = bytes(headers, KEY);
        byte[] signature = bytes(headers, SIGNATURE);
        if (key.length != KEY_BYTES) {
            throw malformed(KEY + " has 32 bytes in base64");
        }
        String time = header(headers, TIME);
        requireRecent(time);
        byte[] body = exchange.getRequestBody().readNBytes(maxBodySize + 1);
        if (body.length > maxBodySize) {
            throw new Refusal(413, "TOO_LARGE", "a body has at most " + maxBodySize + " bytes");
        }
        pool.extend(ANSWER_LIMIT);
        requireSigned(exchange.getRequestMethod(), machine, time, key, body, signature);
        return call(machineId, key, body);
    }

    private static Refusal malformed(String message) {
        return new Refusal(400, "MALFORMED", message);
    }

    private static String header(Headers headers, String name) throws Refusal {
        String value = headers.getFirst(name);
        if (value == null) {
            throw malformed("the header " + name + " is missing");
        }
        return value;
    }

    private static byte[] bytes(Headers headers, String name) throws Refusal {
        try {
            return Base64.getDecoder().decode(header(headers, name));
        } catch (IllegalArgumentException e) {
            throw malformed("the header " + name + " is not base64");
        }
    }

    private static UUID machineId(String text) throws Refusal {
        try {
            UUID id = UUID.fromString(text);
            // Others are read as well, but only one way to write an id is signed.
            if (id.toString().equals(text)) {
                return id;
            }
        } catch (IllegalArgumentException e) {
            log.trace("not a UUID", e);
        }
        throw malformed(MACHINE + " is a UUID in lower case");
    }

    private void requireRecent(String time) throws Refusal {
        long millis;
        try {
            millis = Long.parseLong(time);
        } catch (NumberFormatException e) {
            throw malformed(TIME + " is in milliseconds since 1970");
        }
        long now = clock.millis();
        if (millis < now - maxClockSkew.toMillis() || millis > now + maxClockSkew.toMillis()) {
            throw new Refusal(
                    401, "OTHER_TIME", TIME + " is more than " + maxClockSkew + " away from the time here, " + now);
        }
    }

    private static void requireSigned(
            String method, String machine, String time, byte[] key, byte[] body, byte[] signature) throws Refusal {
        try {
            if (RequestSignature.isValid(key, RequestSignature.text(method, PATH, machine, time, body), signature)) {
                return;
            }
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
        throw new Refusal(401, "NOT_SIGNED", "the signature is not by that key and for that request");
    }

    private static AgentCall call(UUID machineId, byte[] key, byte[] body) throws Refusal {
        AgentRequest request;
        try {
            request = AgentRequest.parseFrom(body);
        } catch (InvalidProtocolBufferException e) {
            throw malformed("the body is not an AgentRequest");
        }
        AgentCall call = AgentCall.of(machineId, key);
        if (request.hasHardwareReport()) {
            call = call.withHardwareReport(request.getHardwareReport().toByteArray());
        }
        if (request.hasInstallationReport()) {
            InstallationReport report = request.getInstallationReport();
            call = call.withInstallationReport(
                    report.getGeneration(), result(report), report.getRaw().toByteArray());
        }
        return call;
    }

    private static InstallationResult result(InstallationReport report) throws Refusal {
        return switch (report.getResult()) {
            case RESULT_SUCCESS -> InstallationResult.SUCCESS;
            case RESULT_ERROR -> InstallationResult.ERROR;
            default -> throw malformed("the installation report has no result");
        };
    }

    private static AgentResponse response(AgentReply reply) {
        AgentResponse.Builder response = AgentResponse.newBuilder();
        reply.installationRequest()
                .ifPresent(request -> response.setInstallationRequest(InstallationRequest.newBuilder()
                        .setGeneration(request.generation())
                        .setRaw(ByteString.copyFrom(request.raw()))));
        return response.build();
    }

    private static int status(AgentCallException.Reason reason) {
        return switch (reason) {
            case UNKNOWN_MACHINE -> 404;
            case AGENT_NOT_STARTED -> 409;
            case WRONG_KEY -> 403;
            case OTHER_GENERATION -> 422;
            case QUEUE_FULL, DATABASE_FAILED, CLOSED -> 503;
            case TIMED_OUT -> 504;
        };
    }

    private void refuse(HttpExchange exchange, int status, String reason, String message) throws IOException {
        log.debug("{} is refused: {} {}", exchange.getRemoteAddress(), reason, Escaped.text(message));
        Headers headers = exchange.getResponseHeaders();
        headers.set(REASON, reason);
        headers.set(TIME, String.valueOf(clock.millis()));
        if (status == 405) {
            headers.set("Allow", "POST");
        }
        // What went wrong in the database is for its operators.
        String text = status >= 500 ? "try again" : message;
        // The body may not have been read.
        headers.set("Connection", "close");
        send(exchange, status, "text/plain; charset=utf-8", (text + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private static void send(HttpExchange exchange, int status, String type, byte[] body) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", type);
        exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
        if (body.length > 0) {
            try (OutputStream out = exchange.getResponseBody()) {
                out.write(body);
            }
        }
    }

    /** Describes where it listens. */
    @Override
    public String toString() {
        return "AgentEndpoint{" + address + "}";
    }

    /** Collects the settings of an {@link AgentEndpoint}. Not safe for several threads. */
    public static final class Builder {
        private @Nullable AgentCallback callback;
        private InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), DEFAULT_PORT);
        private Duration maxClockSkew = Duration.ofMinutes(5);
        private int maxBodySize = 1 << 20;
        private int threads = 16;
        private Duration readTimeout = Duration.ofSeconds(5);
        private Clock clock = Clock.systemUTC();

        private Builder() {}

        /** Essential: sets who takes the calls. It is started, and closed, by whoever made it. */
        public Builder callback(AgentCallback callback) {
            this.callback = Objects.requireNonNull(callback, "callback");
            return this;
        }

        /** Common: sets where to listen; port 7834 of the loopback interface by default. Port 0 is any free one. */
        public Builder address(InetSocketAddress address) {
            this.address = Objects.requireNonNull(address, "address");
            return this;
        }

        /**
         * Common: sets how far an agent's clock may be from the one here, and so for how long a request can be repeated
         * by somebody who has seen it, 1 s to 1 day; 5 min by default.
         */
        public Builder maxClockSkew(Duration maxClockSkew) {
            this.maxClockSkew = Objects.requireNonNull(maxClockSkew, "maxClockSkew");
            return this;
        }

        /** Rare: sets how many bytes a request's body may have, 1 KiB to 64 MiB; 1 MiB by default. */
        public Builder maxBodySize(int bytes) {
            this.maxBodySize = bytes;
            return this;
        }

        /** Rare: sets how many requests are read and answered at once, 1 to 1000; 16 by default. */
        public Builder threads(int threads) {
            this.threads = threads;
            return this;
        }

        /**
         * Rare: sets how long a request may take to arrive, 100 ms to 5 min; 5 s by default. After that its connection
         * is closed.
         */
        public Builder readTimeout(Duration readTimeout) {
            this.readTimeout = Objects.requireNonNull(readTimeout, "readTimeout");
            return this;
        }

        /** Rare: sets the clock that requests are compared with; the system's by default. */
        public Builder clock(Clock clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /**
         * Makes the endpoint. It listens once it is started.
         *
         * @throws ConfigurationException if there is no callback, or a value is out of its range
         */
        public AgentEndpoint build() {
            if (callback == null) {
                throw new ConfigurationException("callback", "an endpoint needs a callback to hand requests to");
            }
            require("address", !address.isUnresolved(), "one that can be resolved", address);
            requireSpan("maxClockSkew", maxClockSkew, Duration.ofSeconds(1), Duration.ofDays(1));
            requireSpan("readTimeout", readTimeout, Duration.ofMillis(100), Duration.ofMinutes(5));
            require(
                    "maxBodySize",
                    maxBodySize >= 1 << 10 && maxBodySize <= 1 << 26,
                    "from 1 KiB to 64 MiB",
                    maxBodySize);
            require("threads", threads >= 1 && threads <= 1000, "from 1 to 1000", threads);
            return new AgentEndpoint(this, callback);
        }

        private static void requireSpan(String name, Duration value, Duration least, Duration most) {
            require(
                    name,
                    value.compareTo(least) >= 0 && value.compareTo(most) <= 0,
                    "from " + Spans.text(least) + " to " + Spans.text(most),
                    Spans.text(value));
        }

        private static void require(String name, boolean valid, String range, Object value) {
            if (!valid) {
                throw new ConfigurationException(name, name + " must be " + range + ", not " + value);
            }
        }
    }
}
