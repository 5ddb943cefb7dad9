package dev.shepherd.bmdb.provisioning;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.Transactions;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/**
 * The intents of one provider: machines that are about to be created there. Each is recorded before the provider is
 * called, so that a process may die at any moment without a machine made twice or left unrecorded; see {@code
 * docs/decisions/0004-intents.md}. Safe for use by several threads.
 */
public final class Intents {

    private final Transactions transactions;
    private final ProviderType provider;

    private Intents(Transactions transactions, ProviderType provider) {
        this.transactions = transactions;
        this.provider = provider;
    }

    /** Returns the intents of a provider. */
    public static Intents of(Bmdb bmdb, ProviderType provider) {
        return new Intents(bmdb.unwrap(Database.class).transactions(), provider);
    }

    /**
     * Records that machines are about to be created, as many of the candidates as there is room for. Provisioners of
     * one provider take turns here, so that together they never exceed the maximum.
     *
     * @param session what holds the new intents
     * @param maxCount how many machines and intents the provider may have in all; 0 for no limit
     * @param candidates the provider's machines to create, each named by a text of 1 to 128 characters that is the same
     *     at every listing. Those that are recorded or have an intent already are skipped
     * @return the new intents, in the order of the candidates
     */
    public List<MachineIntent> reserve(BmdbSession session, int maxCount, Collection<String> candidates)
            throws InterruptedException {
        if (maxCount < 0) {
            throw new IllegalArgumentException("the maximum of machines is 0 (none) or more, not " + maxCount);
        }
        candidates.forEach(IntentQueries::checkCandidate);
        return session.inTransaction(
                tx -> IntentQueries.reserve(Handle.of(tx.dsl()), session.id(), provider, maxCount, candidates));
    }

    /**
     * Reads the intents that {@link #take} would take, and leaves them where they are.
     *
     * @param limit how many at most, 1 to 1000
     * @return the intents, oldest first
     */
    public List<MachineIntent> takeable(BmdbSession session, int limit) throws InterruptedException {
        checkLimit(limit);
        return transactions.ask(
                "a query of " + session, db -> IntentQueries.takeable(db, session.id(), provider, limit));
    }

    /**
     * Takes over intents that no session holds any more, or that this session holds and may try again now.
     *
     * @param limit how many at most, 1 to 1000
     * @return the intents, now held by the session, oldest first
     */
    public List<MachineIntent> take(BmdbSession session, int limit) throws InterruptedException {
        checkLimit(limit);
        return session.inTransaction(tx -> IntentQueries.take(Handle.of(tx.dsl()), session.id(), provider, limit));
    }

    private static void checkLimit(int limit) {
        if (limit < 1 || limit > 1000) {
            throw new IllegalArgumentException("the limit of intents is from 1 to 1000, not " + limit);
        }
    }

    /** Reads the open intents, oldest first. */
    public List<MachineIntent> list() throws InterruptedException {
        return transactions.ask("reading the intents of provider " + provider, db -> IntentQueries.list(db, provider));
    }

    /**
     * Reads some open intents, in no particular order. Those that have ended are left out.
     *
     * @param intentIds a thousand at a time are read well
     */
    public List<MachineIntent> list(Collection<UUID> intentIds) throws InterruptedException {
        return intentIds.isEmpty()
                ? List.of()
                : transactions.ask(
                        "reading " + intentIds.size() + " intents of provider " + provider,
                        db -> IntentQueries.list(db, provider, intentIds));
    }

    /**
     * Finds which candidates {@link #reserve} would skip: those that have an intent already, or are recorded under
     * their id or their reservation's.
     *
     * @param candidates a thousand at a time are read well
     */
    public Set<String> taken(Collection<String> candidates) throws InterruptedException {
        return candidates.isEmpty()
                ? Set.of()
                : transactions.read(
                        "looking for " + candidates.size() + " candidates of provider " + provider,
                        db -> IntentQueries.taken(db, provider, candidates));
    }

    /**
     * Counts an attempt to carry out an intent, before the provider is called.
     *
     * @return false if the intent is gone, or no longer held by this session
     */
    public boolean attempt(BmdbSession session, UUID intentId) throws InterruptedException {
        return session.inTransaction(tx -> IntentQueries.attempt(Handle.of(tx.dsl()), session.id(), intentId));
    }

    /** Records why an intent could not be carried out, and when to try again. The session keeps it. */
    public void postpone(BmdbSession session, UUID intentId, Duration delay, String error) throws InterruptedException {
        session.useTransaction(tx -> IntentQueries.postpone(Handle.of(tx.dsl()), session.id(), intentId, delay, error));
    }

    /** Ends an intent of which the provider is sure that nothing was made. */
    public void drop(BmdbSession session, UUID intentId) throws InterruptedException {
        session.useTransaction(tx -> IntentQueries.delete(Handle.of(tx.dsl()), intentId));
    }
}
