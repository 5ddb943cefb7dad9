package dev.shepherd.api;

import java.util.List;

/**
 * A source of bare-metal machines: a cloud's API, a list of racks, a BMC controller. {@code docs/provider-contract.md}
 * has every rule.
 *
 * <p><strong>Threads.</strong> The manager makes one call at a time, from different threads with a happens-before between
 * them, unless {@link #maxConcurrentCalls()} allows more at once.
 *
 * <p><strong>Waiting.</strong> A call may block, but must end within a bounded time, and early when it is interrupted.
 *
 * <p><strong>Errors.</strong> Throw {@link ProviderException} with the {@link ProviderException.Reason} that fits; the
 * manager decides by that and by its {@linkplain ProviderException#scope() scope} only. Any other unchecked exception
 * counts as {@link ProviderException.Reason#TRANSIENT}, of unknown outcome, and concerns the machine that was asked for.
 *
 * <p><strong>Properties.</strong> {@link #type()}, {@link #maxConcurrentCalls()}, {@link #isListingCheap()} and {@link
 * #isCreationCheap()} never change, neither block nor fail, and are read once, before the first call.
 */
public interface Provider extends AutoCloseable {

    /** Returns the key of this instance in the database; always the same one. Neither blocks nor fails. */
    ProviderType type();

    /**
     * Lists every machine that the provider has for this fleet, used and free.
     *
     * <p>Ids are unique within one listing and mean the same machine in every later one. A listing is complete or
     * fails: never return part of one.
     *
     * <p>A machine that is still being created is left out, or is {@link Availability#KNOWN_USED} with the status
     * {@link ProviderStatus#PROVISIONING}: then it is left alone until it runs. One that is being reinstalled must stay
     * in the listing, with that status. A machine that is neither free nor this fleet's, such as one that is being
     * cleaned or inspected, is left out.
     *
     * <p>A machine with nonsensical data is no reason to fail. Leave out the text that does not fit, or mark the
     * machine as {@linkplain Machine#failed() failed}. The manager passes over a machine that breaks a rule of {@link
     * MachineInfo}, with a warning. One with a valid id counts as present: it is neither used for a creation nor
     * considered missing.
     *
     * @return the machines, in any order; the list is the caller's
     * @throws ProviderException if the machines cannot be listed
     * @throws InterruptedException if the thread is interrupted
     */
    List<? extends Machine> listMachines() throws InterruptedException;

    /**
     * Shows every machine that {@link #listMachines()} would list, one at a time. The manager lists in no other way, so
     * a provider that overrides this need not hold a large fleet in memory.
     *
     * <p>The rules are those of {@link #listMachines()}: each machine once, in any order, and all of them or a failure.
     * A provider that finds out midway that its listing is incomplete throws; what it has shown by then is disregarded.
     * The visitor is called on the calling thread, and takes a while now and then, since it asks the database. The
     * manager gives up a listing that takes longer than ten minutes in all.
     *
     * <p>The default lists the machines and then shows them.
     *
     * @param visitor what to show them to; its exceptions propagate unchanged
     * @throws ProviderException if the machines cannot be listed
     * @throws InterruptedException if the thread is interrupted
     */
    default void forEachMachine(MachineVisitor visitor) throws InterruptedException {
        for (Machine machine : listMachines()) {
            visitor.visit(machine);
        }
    }

    /**
     * Describes one machine as it is now, even one that is still being created and that the listing leaves out.
     *
     * @param id the id of the machine
     * @return the machine, with that id
     * @throws MachineNotFoundException if there is no such machine, also for {@link ProviderID#INVALID} and for ids that
     *     this provider could never have given
     * @throws ProviderException if the machine cannot be described
     * @throws InterruptedException if the thread is interrupted
     */
    Machine getMachine(ProviderID id) throws InterruptedException;

    /**
     * Takes a free machine into use and records it, through {@link Transaction#recordMachine}, in the
     * session it is given.
     *
     * <p>The call is repeated with the same {@linkplain CreateMachineRequest#intentId() intent} when its
     * outcome was lost, so it must first look for what an earlier call made.
     *
     * @param session the session to record the machine through
     * @param request the machine to take and the intent to mark it with
     * @return the machine as it was recorded, {@link Availability#KNOWN_USED}
     * @throws NoCapacityException if there is no machine left to take, or the one asked for is gone, and
     *     nothing was made
     * @throws ProviderException if the machine cannot be created; see {@link ProviderException.Reason} for what each
     *     reason says about the outcome
     * @throws SessionExpiredException if the session was lost; what was made is adopted under its intent later
     * @throws InterruptedException if the thread is interrupted
     */
    Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException;

    /**
     * Tells whether {@link #listMachines()} costs about as much as {@link #getMachine}, and says as much of each
     * machine. Then the manager lists once to look at many machines, rather than asking for them one by one. Always
     * the same; neither blocks nor fails.
     *
     * <p>The default is false.
     */
    default boolean isListingCheap() {
        return false;
    }

    /**
     * Tells whether {@link #createMachine} only takes note of a machine that exists anyway: nothing is bought, switched
     * on or installed. Then, unless told otherwise, the manager neither spaces creations out nor limits how many
     * machines there are. Always the same; neither blocks nor fails.
     *
     * <p>The default is false.
     */
    default boolean isCreationCheap() {
        return false;
    }

    /**
     * Returns how many of this provider's methods may run at the same time, at least 1. Always the same; neither blocks
     * nor fails.
     *
     * <p>The default is 1: the provider needs no synchronization.
     */
    default int maxConcurrentCalls() {
        return 1;
    }

    /**
     * Releases what the provider holds: connections, threads, files. No method is called afterwards.
     *
     * <p>The default does nothing. Closing twice is allowed.
     */
    @Override
    default void close() {}
}
