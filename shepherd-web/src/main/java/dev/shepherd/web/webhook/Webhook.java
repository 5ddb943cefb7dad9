package dev.shepherd.web.webhook;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.event.StoredEvent;
import dev.shepherd.bmdb.feed.EventFeed;
import dev.shepherd.bmdb.feed.EventReader;
import dev.shepherd.bmdb.feed.EventsPrunedException;
import dev.shepherd.bmdb.threads.LastingThread;
import dev.shepherd.provider.support.CallThreads;
import dev.shepherd.provider.support.HttpAnswer;
import dev.shepherd.provider.support.HttpCalls;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends the events of a fleet to an HTTP server, one after the other in their order, each until it is answered with a
 * status from 200 to 299: at least once. How far it has come is in the database, under a name that comes from the URL; of
 * several processes with the same URL one sends at a time, and another goes on when that one ends. It begins with what
 * happens after it was first started.
 *
 * <p>Waits 1 s after a failure, then 2 s and so on, 5 min at most, or what the server asks for in {@code Retry-After}, 1 s to 5 min. A
 * call ends within 15 s; redirections are not followed. {@code docs/events.md#webhooks} describes what is sent.
 *
 * <p>Safe for use by several threads. Nothing runs before {@link #start()}, nothing is left after {@link #close()}.
 */
public final class Webhook implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(Webhook.class);

    private static final int BATCH = 100;
    private static final int MOST_OF_AN_ANSWER = 4096;
    private static final Duration CALL = Duration.ofSeconds(15);
    private static final Duration LOOK = Duration.ofSeconds(1);
    private static final Duration WHILE_AWAY = Duration.ofSeconds(5);
    private static final Duration LOG_PAUSE = Duration.ofMinutes(1);
    private static final Duration LONGEST_STOP = Duration.ofSeconds(10);

    /** How long to wait after failures in a row. */
    static final Backoff RETRY = Backoff.builder()
            .initial(Duration.ofSeconds(1))
            .exponent(2)
            .maximum(Duration.ofMinutes(5))
            .build();

    private final Bmdb bmdb;
    private final EventFeed feed;
    private final URI url;
    private final byte[] secret;
    private final Set<EventKind> kinds;
    private final Clock clock = Clock.systemUTC();
    private final Backoff retry;
    private final String name;
    private final CallThreads threads = new CallThreads("shepherd-webhook-calls");
    private final HttpCalls calls;
    private final CountDownLatch closed = new CountDownLatch(1);
    private final LongAdder sent = new LongAdder();
    private final LongAdder failures = new LongAdder();
    private final Object lock = new Object();

    /** Guarded by {@link #lock}. */
    private @Nullable LastingThread thread;

    private volatile Behind behind = Behind.UNKNOWN;

    /** Used by the thread alone, and by what closes this once it has ended. */
    private @Nullable BmdbSession session;

    private @Nullable EventReader reader;

    /**
     * What waits to be sent.
     *
     * @param events how many; not a number if another process sends, or it is not known yet
     * @param since when the first of them happened; empty if none waits
     */
    private record Behind(double events, Optional<Instant> since) {
        static final Behind UNKNOWN = new Behind(Double.NaN, Optional.empty());
        static final Behind NOTHING = new Behind(0, Optional.empty());
    }

    private Webhook(Bmdb bmdb, WebhookSettings settings, Duration longestCall, Backoff retry) {
        this.bmdb = bmdb;
        this.feed = EventFeed.of(bmdb);
        this.url = settings.url();
        this.secret = settings.secret();
        this.kinds = settings.kinds();
        this.retry = retry;
        this.name = readerName(url);
        this.calls = HttpCalls.builder("webhook " + url.getHost(), threads)
                .limit(longestCall)
                .maxBody(MOST_OF_AN_ANSWER)
                .build();
    }

    /**
     * Makes one, which sends nothing before {@link #start()}.
     *
     * @param bmdb the database, which stays open until the webhook is closed. It needs a connection for the webhook
     */
    public static Webhook of(Bmdb bmdb, WebhookSettings settings) {
        return of(bmdb, settings, CALL, RETRY);
    }

    /**
     * The same with other spans.
     *
     * @param longestCall how long a call may take
     * @param retry how long to wait after failures in a row
     */
    static Webhook of(Bmdb bmdb, WebhookSettings settings, Duration longestCall, Backoff retry) {
        return new Webhook(
                Objects.requireNonNull(bmdb, "bmdb"), Objects.requireNonNull(settings, "settings"), longestCall, retry);
    }

    /**
     * Begins to send, on a thread of its own.
     *
     * @throws IllegalStateException if it was started or closed before
     */
    public void start() {
        synchronized (lock) {
            if (thread != null) {
                throw new IllegalStateException("the webhook was started before: make another one");
            }
            if (isClosed()) {
                throw new IllegalStateException("the webhook is closed: make another one");
            }
            thread = LastingThread.start("shepherd-webhook", this::isClosed, LOOK, this::turn);
        }
        log.info("Sending events to {}", url.getHost());
        if (url.getScheme().equals("http") && !isLoopback(url.getHost())) {
            log.warn("Events are sent to {} by plain HTTP: all on the way can read them", url.getHost());
        }
    }

    private boolean isClosed() {
        return closed.getCount() == 0;
    }

    private static boolean isLoopback(String host) {
        try {
            return InetAddress.getByName(host).isLoopbackAddress();
        } catch (UnknownHostException e) {
            return false; // It is told when events are sent.
        }
    }

    /** The name under which the position is kept: the same in each process with this URL. */
    static String readerName(URI url) {
        try {
            byte[] digest =
                    MessageDigest.getInstance("SHA-256").digest(url.toString().getBytes(StandardCharsets.UTF_8));
            return "webhook-" + HexFormat.of().formatHex(digest, 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private void turn() throws InterruptedException {
        try {
            List<StoredEvent> events = reader().next(BATCH);
            if (events.isEmpty()) {
                behind = reader().isHeld() ? Behind.NOTHING : Behind.UNKNOWN;
            }
            long last = events.size() < BATCH ? lastOf(events) : feed.last();
            StoredEvent passed = null;
            for (StoredEvent stored : events) {
                behind = behind(stored, last);
                if (!kinds.contains(stored.event().kind())) {
                    passed = stored;
                    continue;
                }
                if (!send(stored)) {
                    return;
                }
                reader().done(stored);
                passed = null;
            }
            if (passed != null) {
                reader().done(passed);
            }
            if (events.isEmpty()) {
                pause(LOOK);
            }
        } catch (EventsPrunedException e) {
            log.warn(
                    "The webhook {} missed events, which were not sent for so long that they were deleted: {}",
                    url.getHost(),
                    e.getMessage());
            reader().skipTo(e.prunedUpTo());
        } catch (SessionExpiredException e) {
            end();
        } catch (BmdbException e) {
            log.warn(
                    "Events cannot be read for the webhook; trying again in {}: {}",
                    Spans.text(WHILE_AWAY),
                    e.getMessage());
            pause(WHILE_AWAY);
        } catch (IllegalStateException e) {
            // Another process took the reader over, so this one's session was lost.
            end();
        }
    }

    private static long lastOf(List<StoredEvent> events) {
        return events.isEmpty() ? 0 : events.get(events.size() - 1).position();
    }

    /** @param last the position of the last event that there is */
    private static Behind behind(StoredEvent next, long last) {
        return new Behind(last - next.position() + 1, Optional.of(next.event().at()));
    }

    /** Returns how many events were taken. */
    public long sent() {
        return sent.sum();
    }

    /** Returns how often an event was not taken. */
    public long failures() {
        return failures.sum();
    }

    /** Returns how many events wait, also of kinds that are not sent; not a number if another process sends. */
    public double eventsBehind() {
        return behind.events();
    }

    /**
     * Returns how many seconds ago, by this host's clock, the first event happened that waits; 0 if none does, not a number
     * if another process sends.
     */
    public double secondsBehind() {
        Behind now = behind;
        return now.since()
                .map(since ->
                        Math.max(0, Duration.between(since, clock.instant()).toMillis() / 1e3))
                .orElse(now.events());
    }

    private EventReader reader() throws InterruptedException {
        BmdbSession own = session;
        if (own == null || !own.isAlive() || reader == null) {
            end();
            own = bmdb.startSession("webhook", url.getHost());
            session = own;
            reader = feed.reader(own, name, EventReader.From.NOW);
        }
        return reader;
    }

    /** Sends an event until it is taken. Returns false if the session was lost before that: another process may send it. */
    private boolean send(StoredEvent stored) throws InterruptedException {
        Message message = new Message(stored);
        Duration wait = null;
        long inARow = 0;
        long failingSince = System.nanoTime();
        long loggedAt = 0;
        while (true) {
            Optional<Duration> asked = Optional.empty();
            String why;
            try {
                HttpAnswer answer = calls.send("an event", message.request(url, secret, clock.instant()));
                if (answer.isSuccess()) {
                    sent.increment();
                    if (inARow > 0) {
                        log.info(
                                "The webhook {} takes events again, after {}",
                                url.getHost(),
                                Spans.text(Duration.ofSeconds(
                                        TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - failingSince))));
                    }
                    return true;
                }
                asked = answer.retryAfter();
                why = answer.failure().getMessage();
            } catch (CancellationException e) {
                throw new InterruptedException("the webhook is closed");
            } catch (ProviderException e) {
                why = e.getMessage();
            }
            failures.increment();
            inARow++;
            wait = retry.next(wait);
            Duration pause = asked.map(this::within).orElse(wait);
            if (inARow == 1 || System.nanoTime() - loggedAt > LOG_PAUSE.toNanos()) {
                loggedAt = System.nanoTime();
                log.warn(
                        "Event {} is not taken ({} time(s)); trying again in {}: {}",
                        stored.position(),
                        inARow,
                        Spans.text(pause),
                        why);
            }
            pause(pause);
            if (session == null || !session.isAlive()) {
                return false;
            }
            look(stored);
        }
    }

    /** A receiver that asks for no pause at all would be called all the time, and one that asks for days forgotten. */
    private Duration within(Duration asked) {
        if (asked.compareTo(retry.initial()) < 0) {
            return retry.initial();
        }
        return asked.compareTo(retry.maximum()) <= 0 ? asked : retry.maximum();
    }

    private void look(StoredEvent next) throws InterruptedException {
        try {
            behind = behind(next, feed.last());
        } catch (BmdbException e) {
            log.debug("the database does not say how many events wait", e);
        }
    }

    private void pause(Duration span) throws InterruptedException {
        if (closed.await(span.toNanos(), TimeUnit.NANOSECONDS)) {
            throw new InterruptedException("the webhook is closed");
        }
    }

    private void end() throws InterruptedException {
        BmdbSession ending = session;
        session = null;
        reader = null;
        behind = Behind.UNKNOWN;
        if (ending != null) {
            ending.close();
        }
    }

    /**
     * Stops, and waits up to 10 s for the end of its thread. A call that is under way is ended; its event is sent again by
     * the next webhook with this URL. Closing one that was not started, or is closed, changes nothing else.
     */
    @Override
    public void close() {
        LastingThread started;
        synchronized (lock) {
            closed.countDown();
            started = thread;
        }
        threads.close();
        if (started == null) {
            return;
        }
        started.interrupt();
        try {
            if (!started.awaitEnd(LONGEST_STOP)) {
                log.warn("The thread of the webhook has not ended within {}", Spans.text(LONGEST_STOP));
            }
            end();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Names the server. */
    @Override
    public String toString() {
        return String.format(Locale.ROOT, "webhook %s (%s)", url.getHost(), name);
    }
}
