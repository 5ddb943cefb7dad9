package dev.shepherd.api;

import java.util.UUID;

/**
 * A component's lease on the bare metal database: it can write only while it holds the lease.
 *
 * <p>A session is kept alive by its owner. A provider borrows one for the duration of a call. Safe for use by several
 * threads.
 */
public interface Session {

    /** Returns the id of the session, as in the table {@code sessions}. */
    UUID id();

    /**
     * Runs a transaction and commits it.
     *
     * <p>The transaction first proves that the session is alive and holds that proof until it commits: nothing that a
     * lost session does can be committed. It is retried when the database asks for it (serialization failures and
     * deadlocks), so the body may run more than once and must have no effect outside of the transaction.
     *
     * @param body what to do; an exception from it rolls the transaction back and propagates
     * @param <T> what the body returns
     * @return what the body returned
     * @throws SessionExpiredException if the session is lost; nothing was written
     * @throws ShepherdException if the database cannot be reached, or the retries are used up
     * @throws InterruptedException if the thread is interrupted
     */
    <T extends @org.jspecify.annotations.Nullable Object> T inTransaction(TransactionBody<T> body)
            throws InterruptedException;

    /**
     * The body of a transaction.
     *
     * @param <T> what it returns
     */
    @FunctionalInterface
    interface TransactionBody<T extends @org.jspecify.annotations.Nullable Object> {

        /**
         * Reads and writes within the transaction.
         *
         * @param transaction the transaction, valid until this method returns and on this thread only
         * @return any result for the caller
         * @throws InterruptedException if the thread is interrupted
         */
        T run(Transaction transaction) throws InterruptedException;
    }
}
