package dev.shepherd.testkit.bmc;

import dev.shepherd.testkit.bmc.BmcMood.Kind;
import dev.shepherd.testkit.http.HttpListener;
import dev.shepherd.testkit.http.HttpMessage;
import dev.shepherd.testkit.http.TestCertificate;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A BMC in the process: an HTTPS server on loopback with the Redfish of a vendor, one user, and one or more systems.
 *
 * <p>Systems are {@link FakeSystem}s, whose power changes when a reset says so, at once or {@linkplain
 * Builder#powerDelay with a delay}. While it changes, another reset is refused. What goes wrong is up to
 * {@linkplain #mood moods}.
 *
 * <pre>{@code
 * try (FakeBmc bmc = FakeBmc.builder().vendor(Vendor.IDRAC).credentials("root", "secret").start()) {
 *     bmc.mood(BmcMood.dropsAfterEffect().on("POST").times(1));
 *     …
 *     assertThat(bmc.systems().get(0).resets()).containsExactly("ForceRestart");
 * }
 * }</pre>
 *
 * <p>Safe for use by several threads.
 */
public final class FakeBmc implements AutoCloseable {

    /** The most systems of one. */
    public static final int MOST_SYSTEMS = 100_000;

    /** How many calls {@link #calls()} remembers. */
    public static final int MAX_REMEMBERED = 10_000;

    private static final int CHUNK = 64 << 10;
    private static final long CLOSE_SECONDS = 10;
    private static final String WEB_PAGE = "<!DOCTYPE html><html><head><title>Please wait</title></head></html>";

    /** Whose Redfish it has. */
    public enum Vendor {
        /**
         * HPE: a success is a 200 with a message, errors are 400 and have no text, ETags are weak, and in bodies too.
         */
        ILO,
        /**
         * Dell: 204 for a success, 409 for a reset that the power does not allow, legacy boot, states that lag behind.
         */
        IDRAC,
        /** As the mock-ups of the standard's body: accepts a reset to the state that a system has, with no effect. */
        DMTF
    }

    /**
     * A call, as it was answered. Neither bodies nor headers, which may hold secrets.
     *
     * @param method the HTTP method
     * @param path the path, with the query
     * @param status the status of the answer, 0 where there was none
     * @param arrivedNanos when it arrived, in the time of {@link System#nanoTime()}
     */
    public record Call(String method, String path, int status, long arrivedNanos) {}

    private final HttpListener listener;
    private final TestCertificate certificate;
    private final ScheduledThreadPoolExecutor timer;
    private final List<FakeSystem> systems;
    private final RedfishShape shape;
    private final RedfishService service;
    private final Object lock = new Object();
    private final BmcMoods moods = new BmcMoods();
    private final Deque<Call> calls = new ArrayDeque<>();
    private boolean closed;
    private int calmed;
    private int running;
    private int mostRunning;

    private FakeBmc(Builder builder) {
        certificate = builder.certificate == null ? TestCertificate.create() : builder.certificate;
        shape = new RedfishShape(builder.vendor);
        timer = new ScheduledThreadPoolExecutor(1, task -> {
            Thread thread = new Thread(task, "fake-bmc-timer");
            thread.setDaemon(true);
            return thread;
        });
        // No thread while nothing changes: there may be hundreds of these in a process.
        timer.setKeepAliveTime(1, TimeUnit.SECONDS);
        timer.allowCoreThreadTimeOut(true);
        List<FakeSystem> made = new ArrayList<>();
        for (int number = 1; number <= builder.systems; number++) {
            UUID uuid = UUID.randomUUID();
            String serial = "FB" + uuid.toString().substring(0, 8).toUpperCase(Locale.ROOT);
            String id = shape.systemId(number, serial);
            made.add(new FakeSystem(id, uuid, serial, shape.bootMode(), builder.powerDelay, timer));
        }
        systems = List.copyOf(made);
        RedfishLogins logins = new RedfishLogins(builder.user, builder.password);
        service = new RedfishService(shape, logins, systems, builder.pageSize, this::serviceMood);
        listener = new HttpListener("fake-bmc-", certificate.serverContext(), builder.protocols);
        listener.start(this::handle);
    }

    /** Starts one with the default settings. */
    public static FakeBmc start() {
        return builder().start();
    }

    /** Returns a builder with the default settings. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns where it listens, such as {@code https://127.0.0.1:4711}. */
    public URI uri() {
        return URI.create(listener.origin());
    }

    /** Returns the port on which it listens. */
    public int port() {
        return uri().getPort();
    }

    /** Returns the SHA-256 of its certificate, as 64 lower-case hex digits. */
    public String fingerprint() {
        return certificate.fingerprint();
    }

    /** Returns its certificate. */
    public TestCertificate certificate() {
        return certificate;
    }

    /** Returns the systems. */
    public List<FakeSystem> systems() {
        return systems;
    }

    /** Returns the first system. */
    public FakeSystem system() {
        return systems.get(0);
    }

    /** Puts it in these moods, in addition to those that it is in. */
    public void mood(BmcMood... added) {
        synchronized (lock) {
            moods.add(added);
        }
    }

    /** Ends all moods. Calls that wait are answered if they were slow; the connections of others are reset. */
    public void calm() {
        synchronized (lock) {
            moods.clear();
            calmed++;
            lock.notifyAll();
        }
    }

    /** Tells whether it is frozen. */
    public boolean isFrozen() {
        synchronized (lock) {
            return moods.areFrozen();
        }
    }

    /** Returns the latest calls, oldest first: those with an answer in the order of their answers. A copy. */
    public List<Call> calls() {
        synchronized (lock) {
            return List.copyOf(calls);
        }
    }

    /** Returns the largest number of calls so far that ran at the same time. */
    public int mostConcurrentCalls() {
        synchronized (lock) {
            return mostRunning;
        }
    }

    private Optional<BmcMood> serviceMood(Kind kind) {
        synchronized (lock) {
            return moods.ofService(kind);
        }
    }

    private boolean handle(HttpMessage request, HttpListener.Connection connection)
            throws IOException, InterruptedException {
        long arrived = System.nanoTime();
        boolean freezes;
        List<BmcMood> concerned;
        synchronized (lock) {
            mostRunning = Math.max(mostRunning, ++running);
            freezes = moods.freezeAt(arrived, running);
            concerned = freezes ? List.of() : moods.take(request);
        }
        try {
            return freezes
                    ? neverAnswer(request, connection, arrived)
                    : answer(request, concerned, connection, arrived);
        } finally {
            synchronized (lock) {
                running--;
            }
        }
    }

    private boolean answer(
            HttpMessage request, List<BmcMood> concerned, HttpListener.Connection connection, long arrived)
            throws IOException, InterruptedException {
        Optional<BmcMood> inPlace =
                concerned.stream().filter(mood -> mood.kind.isInPlace()).findFirst();
        if (inPlace.isPresent() && inPlace.get().kind == Kind.SILENT) {
            return neverAnswer(request, connection, arrived);
        }
        boolean dropsBefore = inPlace.isPresent() && inPlace.get().kind == Kind.DROP_BEFORE;
        @Nullable RedfishAnswer answer = null;
        if (!dropsBefore) {
            answer = inPlace.map(mood -> answerOf(mood, request)).orElseGet(() -> service.answer(request));
        }
        for (BmcMood mood : concerned) {
            if (mood.kind == Kind.SLOW) {
                pause(mood.time);
            }
        }
        if (answer == null || concerned.stream().anyMatch(mood -> mood.kind == Kind.DROP_AFTER)) {
            remember(request, 0, arrived);
            connection.reset();
            return false;
        }
        remember(request, answer.status(), arrived);
        return send(request, answer.message(), concerned, connection);
    }

    private RedfishAnswer answerOf(BmcMood mood, HttpMessage request) {
        return switch (mood.kind) {
            case NO_SESSION -> shape.noSession();
            case UNAUTHORIZED -> shape.unauthorized();
            case FORBIDDEN -> shape.forbidden();
            case BUSY -> service.busy(mood.text);
            case METHOD_NOT_ALLOWED -> service.methodNotAllowed("GET, HEAD");
            case REDIRECT -> {
                String[] target = request.target().split("\\?", 2);
                String query = target.length > 1 ? "?" + target[1] : "";
                String slash = mood.text.isEmpty() ? "/" : "";
                yield new RedfishAnswer(308, RedfishAnswer.object())
                        .with("Location", mood.text + target[0] + slash + query);
            }
            default -> throw new IllegalStateException(mood + " has no answer");
        };
    }

    private boolean send(
            HttpMessage request, HttpMessage answer, List<BmcMood> concerned, HttpListener.Connection connection)
            throws IOException, InterruptedException {
        if (answer.hasNoBody(request.method())) {
            connection.send(closing(request, answer).head());
            return true;
        }
        int padding = 0;
        boolean isHalf = false;
        Optional<Duration> trickle = Optional.empty();
        for (BmcMood mood : concerned) {
            switch (mood.kind) {
                case MALFORMED -> {
                    byte[] body = answer.body();
                    answer = answer.withBody(Arrays.copyOf(body, body.length / 2))
                            .withLength();
                }
                case WEB_PAGE ->
                    answer = HttpMessage.answer(200, "OK", "")
                            .with("Content-Type", "text/html")
                            .withBody(WEB_PAGE.getBytes(StandardCharsets.UTF_8))
                            .withLength();
                case HUGE -> padding = mood.count;
                case HALF -> isHalf = true;
                case TRICKLE -> trickle = Optional.of(mood.time);
                default -> {
                    // Done before.
                }
            }
        }
        answer = closing(request, answer);
        byte[] body = answer.body();
        if (isHalf) {
            connection.send(answer.head(), Arrays.copyOf(body, body.length / 2));
        } else if (padding > 0 && body.length > 1) {
            sendHuge(answer, padding, connection);
        } else if (trickle.isPresent()) {
            connection.send(answer.head());
            for (byte each : body) {
                pause(trickle.get());
                connection.send(new byte[] {each});
            }
        } else {
            connection.send(answer.head(), body);
        }
        return !isHalf;
    }

    /** Says that the connection ends, where it does: clients would take it for one that may be used again. */
    private static HttpMessage closing(HttpMessage request, HttpMessage answer) {
        return request.keepsAlive() ? answer : answer.with("Connection", "close");
    }

    private static void sendHuge(HttpMessage answer, int padding, HttpListener.Connection connection)
            throws IOException {
        byte[] body = answer.body();
        byte[] before = "{\"Padding\":\"".getBytes(StandardCharsets.UTF_8);
        byte[] after = "\",".getBytes(StandardCharsets.UTF_8);
        byte[] chunk = new byte[CHUNK];
        Arrays.fill(chunk, (byte) 'x');
        long length = (long) before.length + padding + after.length + body.length - 1;
        connection.send(answer.with("Content-Length", Long.toString(length)).head(), before);
        for (int left = padding; left > 0; left -= CHUNK) {
            connection.send(Arrays.copyOf(chunk, Math.min(left, CHUNK)));
        }
        connection.send(after, Arrays.copyOfRange(body, 1, body.length));
    }

    private void pause(Duration time) throws InterruptedException {
        long until = System.nanoTime() + time.toNanos();
        synchronized (lock) {
            int before = calmed;
            for (long left = time.toNanos();
                    left > 0 && !closed && calmed == before;
                    left = until - System.nanoTime()) {
                TimeUnit.NANOSECONDS.timedWait(lock, left);
            }
        }
    }

    private boolean neverAnswer(HttpMessage request, HttpListener.Connection connection, long arrived)
            throws IOException, InterruptedException {
        remember(request, 0, arrived);
        synchronized (lock) {
            int before = calmed;
            while (!closed && calmed == before) {
                lock.wait();
            }
        }
        connection.reset();
        return false;
    }

    private void remember(HttpMessage request, int status, long arrived) {
        synchronized (lock) {
            calls.add(new Call(request.method(), request.target(), status, arrived));
            if (calls.size() > MAX_REMEMBERED) {
                calls.remove();
            }
        }
    }

    /**
     * Ends all connections, stops listening, and waits at most 10 s for the threads to end. Resets that have not taken
     * effect do not. Closing twice is allowed.
     */
    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
            lock.notifyAll();
        }
        timer.shutdownNow();
        listener.close();
        try {
            timer.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Returns where it listens; never the password. */
    @Override
    public String toString() {
        return "FakeBmc at " + uri();
    }

    /** How a {@link FakeBmc} is made. For one thread. */
    public static final class Builder {
        private Vendor vendor = Vendor.DMTF;
        private int systems = 1;
        private int pageSize = 50;
        private String user = "admin";
        private String password = "password";
        private @Nullable TestCertificate certificate;
        private Duration powerDelay = Duration.ZERO;
        private String[] protocols = {};

        private Builder() {}

        /** Sets whose Redfish it has; DMTF's by default. */
        public Builder vendor(Vendor vendor) {
            this.vendor = Objects.requireNonNull(vendor, "vendor");
            return this;
        }

        /** Sets how many systems it has: 1, the default, to {@value #MOST_SYSTEMS}. */
        public Builder systems(int systems) {
            if (systems < 1 || systems > MOST_SYSTEMS) {
                throw new IllegalArgumentException("systems is from 1 to " + MOST_SYSTEMS + ", not " + systems);
            }
            this.systems = systems;
            return this;
        }

        /** Sets how many members a page of its systems has; 50 by default. */
        public Builder pageSize(int pageSize) {
            if (pageSize < 1) {
                throw new IllegalArgumentException("pageSize is at least 1, not " + pageSize);
            }
            this.pageSize = pageSize;
            return this;
        }

        /** Sets the one user that it knows; {@code admin} with {@code password} by default. */
        public Builder credentials(String user, String password) {
            this.user = Objects.requireNonNull(user, "user");
            this.password = Objects.requireNonNull(password, "password");
            return this;
        }

        /** Sets what it shows to clients, such as one that has expired; one that is valid for a day by default. */
        public Builder certificate(TestCertificate certificate) {
            this.certificate = Objects.requireNonNull(certificate, "certificate");
            return this;
        }

        /** Lets it speak TLS 1.2 only, as firmware before about 2020 does. */
        public Builder tls12Only() {
            protocols = new String[] {"TLSv1.2"};
            return this;
        }

        /** Sets how long a reset takes until it has its effect. None by default: it has it before it is answered. */
        public Builder powerDelay(Duration powerDelay) {
            if (powerDelay.isNegative()) {
                throw new IllegalArgumentException("powerDelay is negative: " + powerDelay);
            }
            this.powerDelay = powerDelay;
            return this;
        }

        /**
         * Starts it on a free port of loopback.
         *
         * @throws java.io.UncheckedIOException if there is none
         */
        public FakeBmc start() {
            return new FakeBmc(this);
        }
    }
}
