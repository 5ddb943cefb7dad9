package dev.shepherd.provider.redfish;

import dev.shepherd.api.AlreadyRecordedException;
import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.MachineVisitor;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import dev.shepherd.provider.staticlist.list.CurrentList;
import dev.shepherd.provider.staticlist.list.MachineList;
import dev.shepherd.provider.support.CallThreads;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A provider of a fixed list of machines, each of which is rebooted through its BMC, by Redfish or IPMI.
 *
 * <p>The list is that of the provider {@code static}, and each entry also names its BMC: {@code {"ID": "rack1-07",
 * "Addr": "10.0.0.7", "BMC": "https://10.0.1.7"}}. What machines there are is the list's word alone: a listing asks no
 * BMC. {@link #getMachine} asks one, and says {@link ProviderStatus#UNKNOWN} if it does not answer.
 *
 * <p>What a BMC refuses or fails at concerns its machine only. Nothing is repeated. Nothing is remembered of a BMC but
 * where its system is, until that is no longer true.
 *
 * <p>No connection or thread exists before the first call. Safe for use by several threads: a BMC is asked one thing at a
 * time, and {@code max-concurrent-calls} BMCs at the same time.
 */
public final class RedfishProvider implements Recoverer {

    private static final Logger log = LoggerFactory.getLogger(RedfishProvider.class);

    private final ProviderType type;
    private final CurrentList list;
    private final CallThreads threads;
    private final Bmcs bmcs;
    private final Duration timeout;
    private final Duration statusTimeout;
    private final Duration graceful;
    private final boolean reinstalls;
    private final int concurrentCalls;

    RedfishProvider(ProviderConfig config, UnaryOperator<@Nullable String> environment) {
        type = config.type();
        timeout = config.duration(RedfishProviderFactory.TIMEOUT).orElseThrow();
        statusTimeout = config.duration(RedfishProviderFactory.STATUS_TIMEOUT).orElseThrow();
        graceful = config.duration(RedfishProviderFactory.GRACEFUL).orElseThrow();
        reinstalls = config.string(RedfishProviderFactory.REINSTALL)
                .orElseThrow()
                .strip()
                .equals("pxe");
        concurrentCalls =
                config.integer(RedfishProviderFactory.CONCURRENT_CALLS).orElseThrow();
        Credentials credentials =
                new Credentials(config.path(RedfishProviderFactory.CREDENTIALS).orElse(null), environment);
        credentials.check();
        boolean allowHttp = config.bool(RedfishProviderFactory.ALLOW_HTTP).orElseThrow();
        threads = new CallThreads("shepherd-provider-" + type);
        list = CurrentList.builder(
                        "redfish", type, config.uri(RedfishProviderFactory.LIST).orElseThrow(), threads, log)
                .timeout(config.duration(RedfishProviderFactory.LIST_TIMEOUT).orElseThrow())
                .maxSize(config.integer(RedfishProviderFactory.MAX_SIZE).orElseThrow())
                .entryFields(BmcEntry.fields(allowHttp))
                .build();
        bmcs = new Bmcs(config, threads, credentials);
        if (allowHttp) {
            log.warn("provider {}: passwords may be sent to BMCs in the clear (allow-http=true)", type);
        }
    }

    @Override
    public ProviderType type() {
        return type;
    }

    /** Returns the property {@code max-concurrent-calls}: most calls wait for a BMC, each for another. */
    @Override
    public int maxConcurrentCalls() {
        return concurrentCalls;
    }

    /** A machine of the list is there, whether it is recorded or not. */
    @Override
    public boolean isCreationCheap() {
        return true;
    }

    /**
     * Lists the machines as the list has them now, in its order, without a status. No BMC is asked.
     *
     * @return the machines, each {@link Availability#POSSIBLY_USED}; the list is the caller's
     * @throws ProviderException if the list cannot be read and never could: {@link Reason#TRANSIENT} if it did not arrive,
     *     {@link Reason#UNAUTHENTICATED} for the statuses 401 and 403, {@link Reason#RATE_LIMITED} for 429, {@link
     *     Reason#PERMANENT} if it is malformed or too large
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

    /**
     * Describes one machine as the list has it now, and as its BMC says: {@link ProviderStatus#RUNNING} if it is on,
     * {@link ProviderStatus#STOPPED} if it is off, and {@link ProviderStatus#UNKNOWN} if the BMC does not say so within
     * {@code status-timeout}, for any reason. The log has the reason, once.
     *
     * @throws MachineNotFoundException if the list has no such machine
     * @throws ProviderException as {@link #listMachines()} does
     * @throws IllegalStateException if the provider is closed
     */
    @Override
    public MachineInfo getMachine(ProviderID id) throws InterruptedException {
        Listed listed = listed(id);
        return listed.machine().toBuilder().status(status(listed.entry())).build();
    }

    private ProviderStatus status(BmcEntry entry) throws InterruptedException {
        Bmcs.Kept kept = bmcs.kept(entry);
        try {
            ProviderStatus status = bmcs.of(entry).status(statusTimeout);
            if (kept.trouble(null) != null) {
                log.info("provider {}: the BMC of {} at {} answers again", type, entry.id(), entry.bmc());
            }
            return status;
        } catch (ProviderException e) {
            String reason = e.reason().name();
            if (!reason.equals(kept.trouble(reason))) {
                log.warn("provider {}: it is unknown whether {} is on: {}", type, entry.id(), e.getMessage());
            }
            return ProviderStatus.UNKNOWN;
        } catch (CancellationException e) {
            throw closed(e);
        }
    }

    /**
     * Records a machine of the list as taken into use; there is nothing to be made, and no BMC is asked.
     *
     * @return the machine, {@link Availability#KNOWN_USED}
     * @throws NotSupportedException if the request names no machine
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
     * Restarts a machine by force, in the way that its BMC allows: {@code ForceRestart}, else {@code PowerCycle}, else
     * {@code ForceOff} and, once it is off, {@code On}; by IPMI, a reset, else a power cycle, else off and on. A machine
     * that is off is turned on. With {@code graceful}, its operating system may shut down first.
     *
     * @throws MachineNotFoundException if the list has no such machine
     * @throws NotSupportedException if the BMC allows none of these
     * @throws ProviderException if the BMC refuses or fails, with the {@linkplain ProviderException#scope() scope} {@link
     *     Scope#MACHINE}; {@link Reason#TRANSIENT} if a step has taken effect, or may have
     * @throws IllegalStateException if the provider is closed
     */
    @Override
    public void rebootMachine(ProviderID id) throws InterruptedException {
        act(id, bmc -> bmc.reboot(timeout.plus(graceful), graceful));
    }

    /**
     * Has a machine boot from the network once, and restarts it by force. What it finds there reinstalls it. If the restart
     * fails, the machine is told to boot as usual again, as far as that is possible.
     *
     * @throws NotSupportedException if {@code reinstall} is not {@code pxe}, or the BMC cannot set the boot source
     * @throws MachineNotFoundException if the list has no such machine
     * @throws ProviderException as {@link #rebootMachine} does
     * @throws IllegalStateException if the provider is closed
     */
    @Override
    public void reinstallMachine(ProviderID id) throws InterruptedException {
        if (!reinstalls) {
            throw new NotSupportedException(
                    list.words() + " does not reinstall machines; reinstall=pxe has them boot from the network");
        }
        act(id, bmc -> bmc.reinstall(timeout, statusTimeout));
    }

    /**
     * Looks at all that a reboot of a machine takes, as far as that can be seen without one: the way to its BMC, the
     * certificate, the user and the password, the system and its resets. Nothing is changed, and a BMC whose certificate is
     * not trusted gets no password. Takes {@code timeout} at most.
     *
     * @return what was found, and what is wrong
     * @throws MachineNotFoundException if the list has no such machine
     * @throws ProviderException as {@link #listMachines()} does; {@link Reason#PERMANENT} if the file of credentials can
     *     no longer be used
     * @throws IllegalStateException if the provider is closed
     */
    public BmcReport check(ProviderID id) throws InterruptedException {
        Objects.requireNonNull(id, "id");
        List<BmcReport> reports = new ArrayList<>();
        check(List.of(id), reports::add);
        return reports.get(0);
    }

    /**
     * Does the same for several machines: for {@code max-concurrent-calls} BMCs at the same time, and for the machines of
     * one BMC one after the other.
     *
     * @param ids the machines
     * @param seen is told of each, in the order in which they are done, on this thread; an exception of it ends all checks
     * @throws ProviderException as {@link #check(ProviderID)} does; all checks end
     * @throws IllegalStateException if the provider is closed
     */
    public void check(Collection<ProviderID> ids, Consumer<? super BmcReport> seen) throws InterruptedException {
        List<BmcEntry> entries = new ArrayList<>();
        for (ProviderID id : ids) {
            entries.add(listed(id).entry());
        }
        try {
            BmcChecks.run(
                    threads,
                    concurrentCalls,
                    entries,
                    entry -> bmcs.of(entry).check(timeout, !graceful.isZero()),
                    seen);
        } catch (CancellationException e) {
            throw closed(e);
        }
    }

    private interface Act {
        void on(Bmc bmc) throws InterruptedException;
    }

    private void act(ProviderID id, Act act) throws InterruptedException {
        Bmc bmc = bmcs.of(listed(id).entry());
        try {
            act.on(bmc);
        } catch (CancellationException e) {
            throw closed(e);
        }
    }

    private record Listed(MachineInfo machine, BmcEntry entry) {}

    private Listed listed(ProviderID id) throws InterruptedException {
        Objects.requireNonNull(id, "id");
        MachineList current = list.getForOne();
        bmcs.retain(current);
        MachineInfo machine = current.machines().get(id);
        Map<String, String> fields = current.fields().get(id);
        if (machine == null || fields == null) {
            throw new MachineNotFoundException("%s has no machine %s".formatted(list.words(), id));
        }
        return new Listed(machine, BmcEntry.of(id, fields));
    }

    private IllegalStateException closed(CancellationException cause) {
        return new IllegalStateException(list.words() + " is closed", cause);
    }

    /**
     * Ends all calls and releases threads, processes and connections, within about a second. A call that is under way throws {@link
     * IllegalStateException}, and so do all later ones but {@link #type()}; what a BMC was asked for may have happened.
     */
    @Override
    public void close() {
        bmcs.close();
        threads.close();
    }

    /** Returns the type and the place of the list, without the query of a URL. */
    @Override
    public String toString() {
        return "RedfishProvider[" + type + ", " + list.location() + "]";
    }
}
