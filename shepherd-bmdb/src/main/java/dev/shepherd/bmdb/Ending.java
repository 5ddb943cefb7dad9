package dev.shepherd.bmdb;

import dev.shepherd.bmdb.internal.WorkQueries.Claim;
import dev.shepherd.bmdb.internal.WorkQueries.End;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * How a piece of work ends, and what is written with it. Not safe for several threads: handed from the one that asks
 * for the end to the one that writes it, and back.
 *
 * @param <T> what the body returns
 */
final class Ending<T extends @Nullable Object> {

    private final Work work;
    private final WorkEvent event;
    private final @Nullable String cause;
    private final boolean clearsBackoff;
    private final BmdbTransaction.Body<T> body;
    private final boolean isQuestion;

    private @Nullable T result;
    private boolean held;

    private Ending(
            Work work, WorkEvent event, @Nullable String cause, boolean clearsBackoff, BmdbTransaction.Body<T> body) {
        this(work, event, cause, clearsBackoff, body, false);
    }

    private Ending(
            Work work,
            WorkEvent event,
            @Nullable String cause,
            boolean clearsBackoff,
            BmdbTransaction.Body<T> body,
            boolean isQuestion) {
        this.work = work;
        this.event = event;
        this.cause = cause;
        this.clearsBackoff = clearsBackoff;
        this.body = body;
        this.isQuestion = isQuestion;
    }

    static <T extends @Nullable Object> Ending<T> finished(Work work, BmdbTransaction.Body<T> body) {
        return new Ending<>(work, WorkEvent.FINISHED, null, true, body);
    }

    static <T extends @Nullable Object> Ending<T> finishedForNow(Work work, BmdbTransaction.Body<T> body) {
        return new Ending<>(work, WorkEvent.FINISHED, null, false, body);
    }

    static <T extends @Nullable Object> Ending<T> failed(Work work, String cause, BmdbTransaction.Body<T> body) {
        return new Ending<>(work, WorkEvent.FAILED, cause, false, body);
    }

    static <T extends @Nullable Object> Ending<T> givenUp(Work work, String cause, BmdbTransaction.Body<T> body) {
        return new Ending<>(work, WorkEvent.CANCELED, cause, false, body);
    }

    /** The work was only to ask something. If the body returns false, the answer is no news, and the history forgets it. */
    static Ending<Boolean> asked(Work work, String cause, BmdbTransaction.Body<Boolean> body) {
        return new Ending<>(work, WorkEvent.CANCELED, cause, false, body, true);
    }

    static Ending<Boolean> canceled(Work work) {
        return new Ending<>(work, WorkEvent.CANCELED, null, false, tx -> true);
    }

    Work work() {
        return work;
    }

    UUID machineId() {
        return work.machineId();
    }

    UUID claimId() {
        return work.claimId();
    }

    WorkEvent event() {
        return event;
    }

    /** Tells whether something was to be done to the machine, and not only asked. */
    boolean isAttempt() {
        return !isQuestion;
    }

    /** Tells whether the history keeps it; known when the body has run. */
    boolean isKept() {
        return isAttempt() || Boolean.TRUE.equals(result);
    }

    Claim claim() {
        return work.claim();
    }

    End end() {
        return new End(claim(), event, cause, clearsBackoff);
    }

    /** Notes whether the work is still held, in the transaction that is to end it. */
    void found(BmdbTransaction tx, boolean isHeld) {
        held = isHeld;
        if (isHeld) {
            tx.handle().holds(work.machineId());
        }
    }

    /** Writes what is to be written before the end. */
    void write(BmdbTransaction tx) throws InterruptedException {
        result = body.run(tx);
    }

    /** Tells whether the work was still held when that was last asked. */
    boolean wasHeld() {
        return held;
    }

    /** Returns what the body returned when it last ran. */
    // A body that may return null has a T that says so.
    @SuppressWarnings("NullAway")
    T result() {
        return result;
    }
}
