package dev.shepherd.provider.support;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.MachineVisitor;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import dev.shepherd.api.ShepherdException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A provider of machines that are there anyway, and are taken into use by a claim that the outside keeps: a mark with the
 * intent, set on a machine that has none. Subclasses say how the outside is asked, and what its record of a machine means;
 * what follows from that for listings, creations and ids is here. Those that reboot implement {@link
 * dev.shepherd.api.Recoverer} too.
 *
 * <p>A creation may take several steps: {@link #claim} first, then {@link #complete}. In between {@link #isComplete} is
 * false, and the machine is in no listing: if it were listed with its intent, it would be adopted as it is, and never
 * completed. The same intent is asked for again until it is.
 *
 * <p>Safe for use by several threads where the subclass is.
 *
 * @param <M> the outside's record of a machine, as it was at one moment
 */
public abstract class ClaimingProvider<M> implements Provider {

    /** How many machines one creation tries that others are faster to take, or that are busy. */
    private static final int MOST_TRIES = 10;

    private static final Pattern INTENT = Pattern.compile("(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");

    private final ProviderType type;
    private final Pattern ids;
    private final CallThreads threads;

    /**
     * Starts nothing yet.
     *
     * @param type the key of this instance in the database
     * @param ids a regular expression: what an id of this provider looks like from end to end. Others are never asked for
     *     outside
     */
    protected ClaimingProvider(ProviderType type, String ids) {
        this.type = Objects.requireNonNull(type, "type");
        this.ids = Pattern.compile(ids);
        this.threads = new CallThreads("shepherd-provider-" + type);
    }

    /** Is shown the outside's records. */
    @FunctionalInterface
    protected interface RecordVisitor<M> {

        /** Looks at a record. Its exceptions propagate unchanged. */
        void visit(M item) throws InterruptedException;
    }

    /** Returns what the subclass makes its calls on. They end with {@link #close()}. */
    protected final CallThreads threads() {
        return threads;
    }

    // What a subclass says.

    /**
     * Shows every record that the outside has: all of them, or it fails. Records that come twice, and those of other
     * fleets, may be among them.
     */
    protected abstract void list(RecordVisitor<M> visitor) throws InterruptedException;

    /**
     * Asks the outside for one record, as it is now.
     *
     * @param id one that looks like an id of this provider
     * @throws ProviderException with {@link Reason#NOT_FOUND} if there is none
     */
    protected abstract M get(ProviderID id) throws InterruptedException;

    /**
     * Says what a record means. {@link MachineInfo.Builder#buildFromWhatFits} keeps nonsense in one from breaking the
     * listing; an exception of this method does, since it is not known which machine then would be missing.
     *
     * @return a machine that is {@link Availability#KNOWN_UNUSED}, or {@link Availability#KNOWN_USED} and, if it was
     *     claimed, with its intent; empty if it is none of this fleet's: then it is neither listed nor found nor taken
     */
    protected abstract Optional<MachineInfo> describe(M item);

    /**
     * Reads the mark of a claim.
     *
     * @param mark as the outside has it, or null where it has none
     * @return the intent; null if the mark is none of an intent, such as a person's: then no intent explains the machine
     */
    protected static @Nullable UUID intent(@Nullable String mark) {
        // The JDK also reads what is written for no intent, such as 1-1-1-1-1.
        boolean canonical = mark != null && INTENT.matcher(mark).matches();
        return canonical ? UUID.fromString(mark) : null;
    }

    /**
     * Claims a machine that was free just now: sets the mark, and does nothing else. The outside has to refuse it if the
     * machine is claimed by then.
     *
     * @return the record, with the mark
     * @throws ProviderException with {@link Reason#CONFLICT} if the outside refuses it: then it is looked whose the machine
     *     is, so that a server that refuses the same claim twice does no harm
     */
    protected abstract M claim(M item, UUID intent) throws InterruptedException;

    /**
     * Tells whether nothing but time is missing of a claimed machine's creation. By default the claim is all of it. Of one
     * that is not complete, {@link #getMachine} says that it is {@link ProviderStatus#PROVISIONING}.
     */
    protected boolean isComplete(M item) {
        return true;
    }

    /**
     * Takes the steps of a creation that follow the claim, and of which the record says that they are missing. Each step is
     * one that may be repeated: an earlier call may have taken it, and its answer was lost.
     *
     * @return the record, of which nothing is missing but time
     */
    protected M complete(M item) throws InterruptedException {
        return item;
    }

    // What follows from it.

    @Override
    public final ProviderType type() {
        return type;
    }

    /** It is: a listing and a look at one machine say the same. To be overridden where one costs much more. */
    @Override
    public boolean isListingCheap() {
        return true;
    }

    /** Lists the machines as {@link #forEachMachine} shows them; the list is the caller's. */
    @Override
    public final List<Machine> listMachines() throws InterruptedException {
        List<Machine> machines = new ArrayList<>();
        forEachMachine(machines::add);
        return machines;
    }

    /**
     * Shows each machine once, those left out whose creation is not complete.
     *
     * @throws ProviderException if the outside cannot be listed whole
     * @throws IllegalStateException if the provider is closed
     */
    @Override
    public final void forEachMachine(MachineVisitor visitor) throws InterruptedException {
        Set<ProviderID> seen = new HashSet<>();
        forEachKnown((item, machine) -> {
            boolean listed = !isUsed(machine) || isComplete(item);
            if (listed && seen.add(machine.id())) {
                visitor.visit(machine);
            }
        });
    }

    /** A record of this fleet, and what it means. */
    private interface KnownVisitor<M> {
        void visit(M item, MachineInfo machine) throws InterruptedException;
    }

    private void forEachKnown(KnownVisitor<M> visitor) throws InterruptedException {
        checkOpen();
        List<RuntimeException> ofVisitor = new ArrayList<>();
        try {
            list(item -> {
                Optional<MachineInfo> machine = known(item);
                if (machine.isPresent()) {
                    try {
                        visitor.visit(item, machine.get());
                    } catch (RuntimeException e) {
                        ofVisitor.add(e);
                        throw e;
                    }
                }
            });
        } catch (RuntimeException e) {
            throw ofVisitor.contains(e) ? e : inWordsOfOurs(e);
        }
    }

    @Override
    public final MachineInfo getMachine(ProviderID id) throws InterruptedException {
        return known(find(id)).orElseThrow(() -> notFound(id));
    }

    /**
     * Finds the record of a machine of this fleet, to reboot it, for one.
     *
     * @throws MachineNotFoundException if there is none: also for an id of another form, for another name of a machine, and
     *     for a machine of another fleet
     * @throws IllegalStateException if the provider is closed
     */
    protected final M find(ProviderID id) throws InterruptedException {
        checkOpen();
        if (!id.isValid() || !ids.matcher(id.value()).matches()) {
            throw notFound(id);
        }
        M item;
        try {
            item = sensible(() -> get(id));
        } catch (ProviderException e) {
            throw e.reason() == Reason.NOT_FOUND ? notFound(id) : e;
        }
        // Servers find machines by other names too, or by an id in capitals.
        boolean itsId = known(item).filter(machine -> machine.id().equals(id)).isPresent();
        if (!itsId) {
            throw notFound(id);
        }
        return item;
    }

    /**
     * Claims the machine that was asked for, or any that is free, completes it, and records it. What an earlier call with
     * the intent has claimed is found by its mark, and completed.
     *
     * @throws NoCapacityException if that machine, or each, is another's, broken or gone; nothing was claimed
     * @throws ProviderException with {@link Reason#TRANSIENT} also where a step after the claim fails in a way that would
     *     end the intent
     * @throws IllegalStateException if the provider is closed
     */
    @Override
    public final MachineInfo createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
        Objects.requireNonNull(session, "session");
        checkOpen();
        UUID intent = request.intentId();
        M claimed =
                request.machine().isPresent() ? claimOne(request.machine().get().id(), intent) : claimAny(intent);
        MachineInfo machine = completed(claimed, intent);
        session.inTransaction(transaction -> transaction.recordMachine(type, request, machine));
        return machine;
    }

    private M claimOne(ProviderID id, UUID intent) throws InterruptedException {
        M item;
        try {
            item = find(id);
        } catch (MachineNotFoundException e) {
            throw new NoCapacityException(none(id));
        }
        return tryClaim(item, id, intent)
                .orElseThrow(() -> new NoCapacityException("provider " + type + ": machine " + id + " is not free"));
    }

    private M claimAny(UUID intent) throws InterruptedException {
        List<M> marked = new ArrayList<>();
        Set<ProviderID> seen = new HashSet<>();
        List<ProviderID> free = new ArrayList<>();
        try {
            forEachKnown((item, machine) -> {
                if (isOf(machine, intent)) {
                    marked.add(item);
                } else if (isFree(machine) && seen.add(machine.id()) && free.size() < MOST_TRIES) {
                    free.add(machine.id());
                }
            });
        } catch (ProviderException e) {
            throw keepingTheIntent(e, "what intent " + intent + " has claimed cannot be listed");
        }
        if (!marked.isEmpty()) {
            return marked.get(0);
        }
        ProviderException busy = null;
        for (ProviderID id : free) {
            try {
                Optional<M> claimed = tryClaim(find(id), id, intent);
                if (claimed.isPresent()) {
                    return claimed.get();
                }
            } catch (MachineNotFoundException e) {
                // It has gone since it was listed.
            } catch (ProviderException e) {
                if (e.reason() != Reason.CONFLICT) {
                    throw e;
                }
                busy = e;
            }
        }
        if (busy != null) {
            throw busy;
        }
        if (seen.size() > free.size()) {
            throw new ProviderException(
                    Reason.CONFLICT, "provider " + type + ": others were faster to take " + free.size() + " machines");
        }
        throw new NoCapacityException("provider " + type + ": no machine is free");
    }

    /** Claims a machine, if it is free or this intent's already; empty if it is not to be had. */
    private Optional<M> tryClaim(M item, ProviderID id, UUID intent) throws InterruptedException {
        MachineInfo machine = known(item).orElseThrow(() -> notFound(id));
        if (isOf(machine, intent)) {
            return Optional.of(item);
        }
        if (!isFree(machine)) {
            return Optional.empty();
        }
        try {
            return Optional.of(sensible(() -> claim(item, intent)));
        } catch (ProviderException e) {
            if (e.reason() != Reason.CONFLICT && e.reason() != Reason.NOT_FOUND) {
                throw e;
            }
            return claimedAllTheSame(id, intent, e);
        }
    }

    /** Looks whose a machine is by now whose claim was refused. */
    private Optional<M> claimedAllTheSame(ProviderID id, UUID intent, ProviderException refusal)
            throws InterruptedException {
        M item;
        try {
            item = find(id);
        } catch (MachineNotFoundException e) {
            return Optional.empty();
        }
        MachineInfo now = known(item).orElseThrow(() -> notFound(id));
        if (isFree(now)) {
            throw refusal.reason() == Reason.CONFLICT
                    ? refusal
                    : new ProviderException(
                            Reason.CONFLICT, "provider " + type + ": machine " + id + " is busy", refusal);
        }
        return isOf(now, intent) ? Optional.of(item) : Optional.empty();
    }

    private MachineInfo completed(M claimed, UUID intent) throws InterruptedException {
        M item = claimed;
        try {
            if (!isComplete(claimed)) {
                item = sensible(() -> complete(claimed));
            }
        } catch (ProviderException e) {
            throw keepingTheIntent(e, "the machine of intent " + intent + " is claimed, but not completed");
        }
        Optional<MachineInfo> machine = known(item);
        if (machine.isEmpty() || !isOf(machine.get(), intent) || !isComplete(item)) {
            throw new ProviderException(
                    Reason.TRANSIENT,
                    "provider " + type + ": a machine was claimed for intent " + intent
                            + ", but the outside does not show it so");
        }
        return machine.get();
    }

    /** By some reasons the manager would believe that nothing was made, and forget the intent of a mark. */
    private ProviderException keepingTheIntent(ProviderException e, String words) {
        return switch (e.reason()) {
            case NOT_FOUND, NO_CAPACITY, NOT_SUPPORTED ->
                new ProviderException(Reason.TRANSIENT, "provider " + type + ": " + words, e);
            default -> e;
        };
    }

    private static boolean isOf(MachineInfo machine, UUID intent) {
        return isUsed(machine) && machine.intentId().equals(Optional.of(intent));
    }

    private static boolean isUsed(MachineInfo machine) {
        return machine.availability() == Availability.KNOWN_USED;
    }

    private static boolean isFree(MachineInfo machine) {
        return machine.availability() == Availability.KNOWN_UNUSED && !machine.failed();
    }

    private Optional<MachineInfo> known(M item) throws InterruptedException {
        return sensible(() -> {
            Optional<MachineInfo> machine = describe(item);
            boolean halfMade = machine.isPresent() && isUsed(machine.get()) && !isComplete(item);
            return halfMade
                    ? machine.map(made ->
                            made.toBuilder().status(ProviderStatus.PROVISIONING).build())
                    : machine;
        });
    }

    /** Something that the subclass does with the outside, or with what that says. */
    private interface Step<T> {
        T take() throws InterruptedException;
    }

    private <T> T sensible(Step<T> step) throws InterruptedException {
        try {
            return step.take();
        } catch (RuntimeException e) {
            throw inWordsOfOurs(e);
        }
    }

    /** What a subclass stumbles over is nonsense of the outside. Its text is not shown: it may repeat a secret. */
    private RuntimeException inWordsOfOurs(RuntimeException e) {
        boolean meant = e instanceof ShepherdException || e instanceof IllegalStateException;
        return meant
                ? e
                : new ProviderException(
                        Reason.TRANSIENT,
                        "provider " + type + ": what the outside says makes no sense ("
                                + e.getClass().getSimpleName() + ")");
    }

    private MachineNotFoundException notFound(ProviderID id) {
        return new MachineNotFoundException(none(id));
    }

    private String none(ProviderID id) {
        return "provider " + type + " has no machine " + id;
    }

    private void checkOpen() {
        if (threads.isClosed()) {
            throw new IllegalStateException("provider " + type + " is closed");
        }
    }

    /** Ends all calls and threads, within about a second. A call that is under way fails with IllegalStateException. */
    @Override
    public void close() {
        threads.close();
    }

    /** Returns the class and the type. */
    @Override
    public String toString() {
        return getClass().getSimpleName() + "[" + type + "]";
    }
}
