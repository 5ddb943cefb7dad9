package dev.shepherd.provider.staticlist;

import dev.shepherd.api.AlreadyRecordedException;
import dev.shepherd.api.Availability;
import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.MachineVisitor;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.provider.staticlist.list.CurrentList;
import dev.shepherd.provider.support.CallThreads;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import javax.net.ssl.SSLContext;
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

    private final ProviderType type;
    private final CurrentList list;
    private final CallThreads threads;

    StaticProvider(ProviderType type, CurrentList list, CallThreads threads) {
        this.type = type;
        this.list = list;
        this.threads = threads;
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
        return new ArrayList<>(list.get().machines().values());
    }

    /**
     * Shows the machines as the list has them now, in its order, without a copy of the list.
     *
     * @throws ProviderException as {@link #listMachines()} does
     * @throws IllegalStateException if the provider is closed
     */
    @Override
    public void forEachMachine(MachineVisitor visitor) throws InterruptedException {
        for (MachineInfo machine : list.get().machines().values()) {
            visitor.visit(machine);
        }
    }

    /** A machine of the list is there, whether it is recorded or not. */
    @Override
    public boolean isCreationCheap() {
        return true;
    }

    /** It is: the list is always read as a whole. */
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
        return list.machine(id);
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
        return list.record(session, request);
    }

    /**
     * Ends reading and releases threads and connections, within about a second. A call that is reading the
     * list throws {@link IllegalStateException}, and so do all later ones but {@link #type()}.
     */
    @Override
    public void close() {
        threads.close();
    }

    /** Returns the type and the place of the list, without the query of a URL. */
    @Override
    public String toString() {
        return "StaticProvider[" + type + ", " + list.location() + "]";
    }

    /**
     * Collects the settings of a {@link StaticProvider}. Not safe for use by several threads.
     */
    public static final class Builder {

        private static final Duration MAX_TIMEOUT = Duration.ofHours(1);
        private static final int MAX_MAX_SIZE = 1024 * 1024 * 1024;

        private final ProviderType type;
        private final URI list;
        private Duration timeout = CurrentList.DEFAULT_TIMEOUT;
        private int maxSize = CurrentList.DEFAULT_MAX_SIZE;
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
            CurrentList current = CurrentList.builder("static", type, list, threads, log)
                    .timeout(timeout)
                    .maxSize(maxSize)
                    .sslContext(sslContext)
                    .clock(clock)
                    .build();
            return new StaticProvider(type, current, threads);
        }
    }
}
