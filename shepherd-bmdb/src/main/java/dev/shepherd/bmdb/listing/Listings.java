package dev.shepherd.bmdb.listing;

import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.internal.ProvidedQueries;
import dev.shepherd.bmdb.internal.Transactions;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.BiConsumer;
import java.util.function.Supplier;

/**
 * What is recorded of one provider's machines, for comparison with what the provider lists and describes. Safe for use
 * by several threads.
 */
public final class Listings {

    private final Transactions transactions;
    private final ProviderType provider;

    private Listings(Transactions transactions, ProviderType provider) {
        this.transactions = transactions;
        this.provider = provider;
    }

    /** Returns the records of a provider's machines. */
    public static Listings of(Bmdb bmdb, ProviderType provider) {
        return new Listings(bmdb.unwrap(Database.class).transactions(), provider);
    }

    /**
     * Reads the MachineProvided tags of some machines, in no particular order. Those that are not recorded are left
     * out.
     *
     * @param ids the provider's ids; a thousand at a time are read well
     */
    public List<ProvidedMachine> machines(Collection<ProviderID> ids) throws InterruptedException {
        return ids.isEmpty()
                ? List.of()
                : transactions.ask(
                        "reading " + ids.size() + " machines of provider " + provider,
                        db -> MachineQueries.providedMachines(db, provider, ids));
    }

    /**
     * Shows the provider's ids of all its machines to a visitor, one after the other and in no particular order, as
     * they were at one moment. Holds a few thousand of them at a time, however many there are.
     *
     * @param begin makes what the visitor fills; called again if the reading starts over, after a connection broke
     * @param visitor must not call the database
     * @param <T> what the visitor fills
     * @return what was filled, by all of the machines
     */
    public <T> T scanIds(Supplier<T> begin, IdVisitor<? super T> visitor) throws InterruptedException {
        return transactions.read(
                "reading the ids of the machines of provider " + provider,
                db -> UpdateQueries.scanIds(db, provider, begin, visitor));
    }

    /**
     * Is shown the ids of a provider's machines.
     *
     * @param <T> what it fills
     */
    @FunctionalInterface
    public interface IdVisitor<T> {

        /**
         * Looks at one machine.
         *
         * @param excused whether a listing may be without it: the provider last said that it is being created, or that
         *     it is in a failed state
         */
        void visit(T into, ProviderID id, boolean excused);
    }

    /**
     * Shows what is recorded of all machines to a visitor, in the manner of {@link #scanIds}.
     *
     * @param begin makes what the visitor fills; called again if the reading starts over, after a connection broke
     * @param visitor must not call the database
     * @param <T> what the visitor fills
     * @return what was filled, by all of the machines
     */
    public <T> T scanChecks(Supplier<T> begin, BiConsumer<? super T, ProviderCheck> visitor)
            throws InterruptedException {
        return transactions.read(
                "reading all machines of provider " + provider, db -> UpdateQueries.scan(db, provider, begin, visitor));
    }

    /**
     * Takes machines whose description is due for a look; no other updater gets them for a minute.
     *
     * @param limit how many at most, 1 to 10,000
     */
    public List<ProviderCheck> takeChecks(BmdbTransaction tx, int limit) {
        if (limit < 1 || limit > 10_000) {
            throw new IllegalArgumentException("the limit of checks is from 1 to 10000, not " + limit);
        }
        return UpdateQueries.take(Handle.of(tx.dsl()), provider, limit);
    }

    /**
     * Reads what is recorded of some machines, and locks them until the transaction ends. Those that are not recorded
     * are left out.
     *
     * @param ids the provider's ids; a thousand at a time are read well
     */
    public List<ProviderCheck> lockChecks(BmdbTransaction tx, Collection<ProviderID> ids) {
        return UpdateQueries.lock(Handle.of(tx.dsl()), provider, ids);
    }

    /**
     * Marks the descriptions of machines as settled: they are never due, until something is recorded of a machine
     * again. For providers whose whole listing is compared from time to time; for others see {@link #recallChecks}.
     */
    public void restChecks(BmdbTransaction tx, Collection<UUID> machineIds) {
        UpdateQueries.rest(Handle.of(tx.dsl()), machineIds);
    }

    /**
     * Gives machines at rest a time again, for a provider whose machines are asked for one by one.
     *
     * @param delay when they are looked at
     * @param limit how many machines at most, at least 1
     * @return how many there were; fewer than the limit if none is left
     */
    public int recallChecks(BmdbTransaction tx, Duration delay, int limit) {
        return UpdateQueries.recall(Handle.of(tx.dsl()), provider, delay, limit);
    }

    /** Sets when the descriptions of machines are looked at next. */
    public void checkAfter(BmdbTransaction tx, Collection<UUID> machineIds, Duration delay) {
        UpdateQueries.checkAfter(Handle.of(tx.dsl()), machineIds, delay);
    }

    /** Sets when machines that the provider could not describe are looked at again, and counts the failure. */
    public void checkFailedAfter(BmdbTransaction tx, Collection<UUID> machineIds, Duration delay) {
        UpdateQueries.checkFailed(Handle.of(tx.dsl()), machineIds, delay);
    }

    /**
     * Overwrites what the MachineProvided tag says of address, port, location, reservation and status with what the
     * provider says now; what the provider does not say is cleared.
     *
     * @return false if the machine has no such tag for this provider and this id
     */
    public boolean update(BmdbTransaction tx, MachineInfo machine) {
        return ProvidedQueries.update(Handle.of(tx.dsl()), provider, machine);
    }

    /**
     * Tells of a discrepancy between provider and database, or of its end, for the feed of events and the listeners.
     *
     * @param count of how many machines; 0 for its end
     * @param named some of them, for people
     */
    public void tellOfDiscrepancy(BmdbTransaction tx, long count, String named) {
        Handle.of(tx.dsl())
                .tellOfFleet(
                        count > 0 ? EventKind.DISCREPANCY : EventKind.DISCREPANCY_RESOLVED,
                        provider.name(),
                        count > 0 ? Map.of("machines", String.valueOf(count), "named", named) : Map.of());
    }

    /** Records that the provider no longer knows a machine. */
    public void markMissing(BmdbTransaction tx, UUID machineId) {
        Handle db = Handle.of(tx.dsl());
        db.lock(machineId);
        UpdateQueries.markMissing(db, machineId);
    }
}
