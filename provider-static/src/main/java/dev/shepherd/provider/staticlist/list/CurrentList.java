package dev.shepherd.provider.staticlist.list;

import dev.shepherd.api.AlreadyRecordedException;
import dev.shepherd.api.Availability;
import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.provider.support.CallThreads;
import dev.shepherd.provider.support.Excerpts;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;

/**
 * A list of machines as it is now. It is read again whenever it is asked for, if it has changed. One that cannot be read,
 * or has a mistake in it, leaves the last good one in force: a line of the log says so when that begins, when its cause
 * changes and when it is over.
 *
 * <p>Safe for use by several threads, which read one after the other. {@link CallThreads#close()} ends a reading.
 */
public final class CurrentList {

    /** How long one reading may take, unless it is said. */
    public static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(10);

    /** How long a list may be, in bytes, unless it is said. */
    public static final int DEFAULT_MAX_SIZE = 64 * 1024 * 1024;

    private static final Excerpts EXCERPTS = Excerpts.hiding();

    private record Snapshot(MachineList list, ListSource.@Nullable Version version, Instant readAt) {}

    private record Failure(ProviderException exception, Instant since, Instant last) {}

    private final String kind;
    private final ProviderType type;
    private final ListSource source;
    private final ListReader reader;
    private final MachineListParser parser;
    private final CallThreads threads;
    private final Duration timeout;
    private final Clock clock;
    private final Logger log;

    private final ReentrantLock reading = new ReentrantLock();
    /** Guarded by {@link #reading}. */
    private @Nullable Snapshot lastGood;
    /** What is wrong with the list at present. Guarded by {@link #reading}. */
    private @Nullable Failure failure;

    private CurrentList(Builder builder) {
        kind = builder.kind;
        type = builder.type;
        source = builder.source();
        reader = new ListReader(source, builder.threads, builder.timeout);
        parser = new MachineListParser(builder.entryFields);
        threads = builder.threads;
        timeout = builder.timeout;
        clock = builder.clock;
        log = builder.log;
    }

    /**
     * Starts the settings of a list.
     *
     * @param kind the kind of the provider, for messages
     * @param type the type of the provider
     * @param list where the list is: a {@code file:}, {@code http:} or {@code https:} URI without user information
     * @param threads what it is read on; their owner closes them
     * @param log where the provider says what becomes of its list
     */
    public static Builder builder(String kind, ProviderType type, URI list, CallThreads threads, Logger log) {
        return new Builder(kind, type, list, threads, log);
    }

    /** Returns what messages begin with: the kind, the type and the location. */
    public String words() {
        return kind + " provider " + type + " (" + location() + ")";
    }

    /** Returns where the list is, without the query of a URL. */
    public String location() {
        return source.location();
    }

    /**
     * Returns the list as it is now; the last good one if it cannot be read.
     *
     * @throws ProviderException if the list cannot be read and never could: {@link Reason#TRANSIENT} if it did not arrive,
     *     {@link Reason#UNAUTHENTICATED} for the statuses 401 and 403, {@link Reason#RATE_LIMITED} for 429, {@link
     *     Reason#PERMANENT} if it is malformed or too large
     * @throws IllegalStateException if the threads are closed
     */
    public MachineList get() throws InterruptedException {
        return current(false);
    }

    /**
     * Returns the list for a look at one machine of many: as {@link #get()}, but a list that cannot be read is asked for
     * no more often than once per timeout.
     */
    public MachineList getForOne() throws InterruptedException {
        return current(true);
    }

    /**
     * Returns one machine as the list has it now; see {@link #getForOne()}.
     *
     * @throws MachineNotFoundException if the list has no such machine
     */
    public MachineInfo machine(ProviderID id) throws InterruptedException {
        Objects.requireNonNull(id, "id");
        MachineInfo machine = getForOne().machines().get(id);
        if (machine == null) {
            throw new MachineNotFoundException("%s has no machine %s".formatted(words(), id));
        }
        return machine;
    }

    /**
     * Records a machine of the list as taken into use; there is nothing to be made. One that has left the list is recorded
     * no more; if an earlier call with the same intent recorded it, it is returned as it was asked for.
     *
     * @return the machine, {@link Availability#KNOWN_USED}
     * @throws NotSupportedException if the request names no machine
     * @throws NoCapacityException if the machine is not in the list; nothing was recorded
     * @throws AlreadyRecordedException if the intent or the machine is already recorded otherwise
     */
    public MachineInfo record(Session session, CreateMachineRequest request) throws InterruptedException {
        Objects.requireNonNull(session, "session");
        Machine asked = request.machine()
                .orElseThrow(() -> new NotSupportedException(
                        "%s cannot choose a machine for intent %s:".formatted(words(), request.intentId())
                                + " the request must name one of those it lists"));
        MachineInfo listed = getForOne().machines().get(asked.id());
        if (listed == null) {
            return alreadyRecorded(session, request, asked);
        }
        MachineInfo used = used(listed);
        session.inTransaction(transaction -> transaction.recordMachine(type, request, used));
        log.debug("provider {}: machine {} recorded for intent {}", type, used.id(), request.intentId());
        return used;
    }

    private MachineInfo alreadyRecorded(Session session, CreateMachineRequest request, Machine asked)
            throws InterruptedException {
        Optional<?> recorded = asked.id().isValid()
                ? session.inTransaction(transaction -> transaction.findMachine(type, asked.id()))
                : Optional.empty();
        if (recorded.isPresent() && recorded.get().equals(request.intentId())) {
            return used(MachineInfo.copyOf(asked));
        }
        throw new NoCapacityException("%s has no machine %s any more, which intent %s is for"
                .formatted(words(), asked.id(), request.intentId()));
    }

    private static MachineInfo used(MachineInfo machine) {
        return machine.toBuilder().availability(Availability.KNOWN_USED).build();
    }

    private MachineList current(boolean oneOfMany) throws InterruptedException {
        reading.lockInterruptibly();
        try {
            checkOpen();
            Snapshot good = lastGood;
            if (oneOfMany && good != null && hasJustFailed()) {
                return good.list();
            }
            try {
                Optional<ListSource.Content> content = reader.read(good == null ? null : good.version());
                MachineList list = accept(good, content);
                recovered();
                return list;
            } catch (MalformedListException e) {
                return fallBack(
                        good,
                        ofTheList(Reason.PERMANENT, "is malformed: " + e.getMessage())
                                .cause(e)
                                .build());
            } catch (IOException e) {
                // A reading that close() cut short says nothing of the list.
                checkOpen();
                return fallBack(good, unreadable(e));
            }
        } finally {
            reading.unlock();
        }
    }

    private void checkOpen() {
        if (threads.isClosed()) {
            throw new IllegalStateException(words() + " is closed");
        }
    }

    private boolean hasJustFailed() {
        Failure current = failure;
        Instant now = clock.instant();
        return current != null
                && !now.isBefore(current.last())
                && now.isBefore(current.last().plus(timeout));
    }

    private MachineList accept(@Nullable Snapshot good, Optional<ListSource.Content> content)
            throws MalformedListException {
        if (content.isEmpty()) {
            return Objects.requireNonNull(good, "unchanged, but never read").list();
        }
        MachineList list = parser.parse(content.get().bytes());
        lastGood = new Snapshot(list, content.get().version(), clock.instant());
        if (good == null) {
            log.info("provider {}: {} machines in the list at {}", type, list.size(), source.location());
        } else if (!good.list().equals(list)) {
            log.info(
                    "provider {}: the list at {} has changed: {} machines, {} before",
                    type,
                    source.location(),
                    list.size(),
                    good.list().size());
        }
        return list;
    }

    private void recovered() {
        Failure over = failure;
        failure = null;
        if (over != null) {
            log.info(
                    "provider {}: the list at {} can be read again, after {}",
                    type,
                    source.location(),
                    Spans.text(Duration.ofSeconds(
                            Duration.between(over.since(), clock.instant()).toSeconds())));
        }
    }

    private MachineList fallBack(@Nullable Snapshot good, ProviderException exception) {
        if (good == null) {
            throw exception;
        }
        Instant now = clock.instant();
        Failure before = failure;
        failure = new Failure(exception, before == null ? now : before.since(), now);
        if (before == null || !Objects.equals(before.exception().getMessage(), exception.getMessage())) {
            log.warn(
                    "provider {}: {}; the list of {} machines read at {} stays in force",
                    type,
                    exception.getMessage(),
                    good.list().size(),
                    good.readAt());
        }
        log.debug("provider {}: the list cannot be read", type, Escaped.failure(exception));
        return good.list();
    }

    private ProviderException unreadable(IOException e) {
        if (e instanceof UnreadableListException known) {
            return ofTheList(known.reason(), "cannot be read: " + known.getMessage())
                    .retryAfter(known.retryAfter().orElse(null))
                    .cause(known)
                    .build();
        }
        return ofTheList(Reason.TRANSIENT, "cannot be read: " + describe(e))
                .cause(e)
                .build();
    }

    /** What is wrong with the list concerns all machines on it, whichever was asked for. */
    private ProviderException.Builder ofTheList(Reason reason, String whatIsWrong) {
        return ProviderException.builder(reason, message(whatIsWrong)).scope(Scope.PROVIDER);
    }

    private String message(String whatIsWrong) {
        return "the list at " + source.location() + " " + whatIsWrong;
    }

    /** The failure behind one that a reading was wrapped in. */
    private static String describe(Throwable failure) {
        return EXCERPTS.of(failure.getCause() == null ? failure : failure.getCause());
    }

    /** Collects the settings of a {@link CurrentList}. Not safe for use by several threads. */
    public static final class Builder {

        private final String kind;
        private final ProviderType type;
        private final URI list;
        private final CallThreads threads;
        private final Logger log;
        private EntryFields entryFields = EntryFields.NONE;
        private Duration timeout = DEFAULT_TIMEOUT;
        private int maxSize = DEFAULT_MAX_SIZE;
        private Optional<SSLContext> sslContext = Optional.empty();
        private Clock clock = Clock.systemUTC();

        private Builder(String kind, ProviderType type, URI list, CallThreads threads, Logger log) {
            this.kind = kind;
            this.type = type;
            this.list = list;
            this.threads = threads;
            this.log = log;
        }

        /** Sets which fields the entries have beyond those of every list. None by default. */
        public Builder entryFields(EntryFields entryFields) {
            this.entryFields = entryFields;
            return this;
        }

        /** Sets how long one reading may take. 10 s by default; the caller has checked it. */
        public Builder timeout(Duration timeout) {
            this.timeout = timeout;
            return this;
        }

        /**
         * Sets how long the list may be, in bytes. 64 MiB by default; a 16th of the heap at most, whatever is set. The caller
         * has checked it.
         */
        public Builder maxSize(int bytes) {
            this.maxSize = bytes;
            return this;
        }

        /** Sets which servers an {@code https:} list is accepted from. The JVM's default by default. */
        public Builder sslContext(Optional<SSLContext> sslContext) {
            this.sslContext = sslContext;
            return this;
        }

        /** Sets the clock. The system's by default. */
        public Builder clock(Clock clock) {
            this.clock = clock;
            return this;
        }

        /**
         * Makes the list. Nothing is read yet.
         *
         * @throws ConfigurationException if the URI cannot be used; it names the property {@code list}
         */
        public CurrentList build() {
            return new CurrentList(this);
        }

        private ListSource source() {
            int maxBytes = Math.min(maxSize, ListSource.MOST_BYTES);
            String scheme = list.getScheme() == null ? "" : list.getScheme();
            if (scheme.equalsIgnoreCase("file")) {
                return new FileSource(path(), maxBytes, clock);
            }
            if (scheme.equalsIgnoreCase("http") || scheme.equalsIgnoreCase("https")) {
                checkUrl(scheme);
                return new HttpSource(list, maxBytes, timeout, sslContext, threads, clock);
            }
            throw refused(
                    "must begin with file:, http: or https:, not " + (scheme.isEmpty() ? "a path" : scheme + ":"));
        }

        private Path path() {
            try {
                // A relative path makes the URI an opaque one; it means what it means to every other program.
                return list.isOpaque() ? Path.of(list.getSchemeSpecificPart()).toAbsolutePath() : Path.of(list);
            } catch (IllegalArgumentException e) {
                // Without a host, a query and a fragment, that is; the message does not repeat the URI.
                throw refused("must name a file of this machine: file: and a path, nothing else");
            }
        }

        private void checkUrl(String scheme) {
            // Where the host is malformed, an "@" is all there is to see of user information.
            if (list.getRawAuthority() != null && list.getRawAuthority().indexOf('@') >= 0) {
                throw refused("must not hold a user or a password (what stands before the @)");
            }
            if (list.getHost() == null) {
                throw refused("must name a host, such as " + scheme + "://host/machines.json");
            }
            if (list.getPort() == 0 || list.getPort() > 65535) {
                throw refused("must have a port from 1 to 65535, not " + list.getPort());
            }
        }

        private static ConfigurationException refused(String why) {
            return new ConfigurationException("list", "the URI in \"list\" " + why);
        }
    }
}
