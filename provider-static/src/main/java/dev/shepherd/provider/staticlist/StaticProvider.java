package dev.shepherd.provider.staticlist;

import dev.shepherd.api.AlreadyRecordedException;
import dev.shepherd.api.Availability;
import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.MachineVisitor;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.provider.support.CallThreads;
import dev.shepherd.provider.support.Excerpts;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A provider of a fixed list of machines, read from a file or a URL.
 *
 * <p>The list is a JSON array of entries such as {@code {"ID": "rack1-07", "Addr": "10.0.0.7",
 * "Location": "rack 1", "SSHPort": 22}}, the last two of which may be left out. It is read again whenever
 * the machines are listed, if it has changed. A list that cannot be read, or has a mistake in it, leaves the
 * last good one in force: a line of the log says so when that begins, when its cause changes and when it is
 * over.
 *
 * <p>Nothing happens at the provider: its machines exist already, and it does not know which of them are
 * used. It lists all of them as {@link Availability#POSSIBLY_USED}. It cannot reboot or reinstall machines.
 *
 * <p>No file, connection or thread exists before the first call. Safe for use by several threads; calls that
 * read the list do so one after the other, and {@link #close()} cuts them short.
 */
public final class StaticProvider implements Provider {

    private static final Logger log = LoggerFactory.getLogger(StaticProvider.class);

    private static final Excerpts EXCERPTS = Excerpts.hiding();

    private record Snapshot(MachineList list, ListSource.@Nullable Version version, Instant readAt) {}

    private record Failure(ProviderException exception, Instant since, Instant last) {}

    private final ProviderType type;
    private final ListSource source;
    private final ListReader reader;
    private final CallThreads threads;
    private final Duration timeout;
    private final Clock clock;
    private final MachineListParser parser = new MachineListParser();

    private final ReentrantLock reading = new ReentrantLock();
    /** Guarded by {@link #reading}. */
    private @Nullable Snapshot lastGood;
    /** What is wrong with the list at present. Guarded by {@link #reading}. */
    private @Nullable Failure failure;

    private volatile boolean closed;

    StaticProvider(ProviderType type, ListSource source, CallThreads threads, Duration timeout, Clock clock) {
        this.type = type;
        this.source = source;
        this.reader = new ListReader(source, threads, timeout);
        this.threads = threads;
        this.timeout = timeout;
        this.clock = clock;
    }

    /**
     * Makes a provider with the default settings.
     *
     * @param type the key of this instance in the database
     * @param list where the list is; see {@link #builder}
     * @throws ConfigurationException if the URI cannot be used
     */
    public static StaticProvider of(ProviderType type, URI list) {
        return builder(type, list).build();
    }

    /**
     * Starts a provider with what every one needs.
     *
     * @param type the key of this instance in the database; two lists need two types
     * @param list where the list is: a {@code file:}, {@code http:} or {@code https:} URI (a relative
     *     {@code file:} path starts at the process's working directory), without
     *     user information. Its query may be a secret, and is never shown
     */
    public static Builder builder(ProviderType type, URI list) {
        return new Builder(type, list);
    }

    @Override
    public ProviderType type() {
        return type;
    }

    /**
     * Lists the machines as the list has them now, in its order.
     *
     * @return the machines, each {@link Availability#POSSIBLY_USED}; the list is the caller's
     * @throws ProviderException if the list cannot be read and never could: {@link Reason#TRANSIENT} if it
     *     did not arrive, {@link Reason#UNAUTHENTICATED} for the statuses 401 and 403,
     *     {@link Reason#RATE_LIMITED} for 429, {@link Reason#PERMANENT} if it is malformed or too large
     * @throws IllegalStateException if the provider is closed
     */
    @Override
    public List<MachineInfo> listMachines() throws InterruptedException {
        return new ArrayList<>(current(false).machines().values());
    }

    /**
     * Shows the machines as the list has them now, in its order, without a copy of the list.
     *
     * @throws ProviderException as {@link #listMachines()} does
     * @throws IllegalStateException if the provider is closed
     */
    @Override
    public void forEachMachine(MachineVisitor visitor) throws InterruptedException {
        for (MachineInfo machine : current(false).machines().values()) {
            visitor.visit(machine);
        }
    }

    /** It is: the list is always read as a whole. */
    /** A machine of the list is there, whether it is recorded or not. */
    @Override
    public boolean isCreationCheap() {
        return true;
    }

    @Override
    public boolean isListingCheap() {
        return true;
    }

    /**
     * Describes one machine as the list has it now.
     *
     * <p>The list is read again if it has changed. While it cannot be read, it is asked for no more often
     * than once per timeout, so that many calls do not wait for the timeout one by one.
     *
     * @throws MachineNotFoundException if the list has no such machine
     * @throws ProviderException as {@link #listMachines()} does
     * @throws IllegalStateException if the provider is closed
     */
    @Override
    public MachineInfo getMachine(ProviderID id) throws InterruptedException {
        Objects.requireNonNull(id, "id");
        MachineInfo machine = current(true).machines().get(id);
        if (machine == null) {
            throw new MachineNotFoundException("%s has no machine %s".formatted(words(), id));
        }
        return machine;
    }

    /**
     * Records a machine of the list as taken into use; there is nothing to be made.
     *
     * <p>The machine is recorded as the list has it now, which may be with another address than when it was
     * listed. A machine that has left the list since is recorded no more; if an earlier call with the same
     * intent recorded it, it is returned as it was asked for.
     *
     * @return the machine, {@link Availability#KNOWN_USED}
     * @throws NotSupportedException if the request names no machine: which machines of a list are in use,
     *     and which of the others are fit for it, only the caller knows
     * @throws NoCapacityException if the machine is not in the list; nothing was recorded
     * @throws AlreadyRecordedException if the intent or the machine is already recorded otherwise
     * @throws ProviderException as {@link #listMachines()} does; nothing was recorded
     * @throws IllegalStateException if the provider is closed
     */
    @Override
    public MachineInfo createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
        Objects.requireNonNull(session, "session");
        Machine asked = request.machine()
                .orElseThrow(() -> new NotSupportedException(
                        "%s cannot choose a machine for intent %s:".formatted(words(), request.intentId())
                                + " the request must name one of those it lists"));
        MachineInfo listed = current(true).machines().get(asked.id());
        if (listed == null) {
            return alreadyCreated(session, request, asked);
        }
        MachineInfo used = used(listed);
        session.inTransaction(transaction -> transaction.recordMachine(type, request, used));
        log.debug("provider {}: machine {} recorded for intent {}", type, used.id(), request.intentId());
        return used;
    }

    private MachineInfo alreadyCreated(Session session, CreateMachineRequest request, Machine asked)
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

    /**
     * Ends reading and releases threads and connections, within about a second. A call that is reading the
     * list throws {@link IllegalStateException}, and so do all later ones but {@link #type()}.
     */
    @Override
    public void close() {
        closed = true;
        threads.close();
    }

    /** Returns the type and the place of the list, without the query of a URL. */
    @Override
    public String toString() {
        return "StaticProvider[" + type + ", " + source.location() + "]";
    }

    private String words() {
        return "static provider " + type + " (" + source.location() + ")";
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
        if (closed) {
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

    /**
     * Collects the settings of a {@link StaticProvider}. Not safe for use by several threads.
     */
    public static final class Builder {

        static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(10);
        static final int DEFAULT_MAX_SIZE = 64 * 1024 * 1024;

        private static final Duration MAX_TIMEOUT = Duration.ofHours(1);
        private static final int MAX_MAX_SIZE = 1024 * 1024 * 1024;

        private final ProviderType type;
        private final URI list;
        private Duration timeout = DEFAULT_TIMEOUT;
        private int maxSize = DEFAULT_MAX_SIZE;
        private Optional<SSLContext> sslContext = Optional.empty();
        private Clock clock = Clock.systemUTC();

        private Builder(ProviderType type, URI list) {
            this.type = Objects.requireNonNull(type, "type");
            this.list = Objects.requireNonNull(list, "list");
        }

        /**
         * Sets how long one reading of the list may take, from connecting to its last byte. 10 s by default;
         * from 1 ms to 1 h.
         */
        public Builder timeout(Duration timeout) {
            this.timeout = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /** Sets how long the list may be, in bytes. 67,108,864 (64 MiB) by default; from 1 byte to 1 GiB. */
        public Builder maxSize(int bytes) {
            this.maxSize = bytes;
            return this;
        }

        /**
         * Sets which servers an {@code https:} list is accepted from. The JVM's default by default; another is
         * needed where an authority of one's own signs.
         */
        public Builder sslContext(SSLContext sslContext) {
            this.sslContext = Optional.of(sslContext);
            return this;
        }

        Builder clock(Clock clock) {
            this.clock = clock;
            return this;
        }

        /**
         * Makes the provider. Nothing is read yet: a list that is out of reach for the moment does no harm.
         *
         * @throws ConfigurationException if the URI cannot be used, or another setting is out of range; the
         *     message names the setting, as a property of {@link StaticProviderFactory}
         */
        public StaticProvider build() {
            Checks.span(StaticProviderFactory.TIMEOUT, timeout, Duration.ofMillis(1), MAX_TIMEOUT);
            Checks.bytes(StaticProviderFactory.MAX_SIZE, maxSize, 1, MAX_MAX_SIZE);
            CallThreads threads = new CallThreads("shepherd-provider-" + type);
            return new StaticProvider(type, source(threads), threads, timeout, clock);
        }

        private ListSource source(CallThreads threads) {
            String scheme = list.getScheme() == null ? "" : list.getScheme();
            if (scheme.equalsIgnoreCase("file")) {
                return new FileSource(path(), maxSize, clock);
            }
            if (scheme.equalsIgnoreCase("http") || scheme.equalsIgnoreCase("https")) {
                checkUrl(scheme);
                return new HttpSource(list, maxSize, timeout, sslContext, threads, clock);
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
