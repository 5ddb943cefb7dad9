package dev.shepherd.bmdb.meters;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.LongAdder;

/**
 * What happens between a process and its database, for those who measure it. It costs an addition at most where it is
 * not measured. Safe for use by several threads.
 */
public final class DatabaseEvents {

    /** What a transaction is for. */
    public enum Kind {
        WRITE,
        READ,

        /** A single statement that reads, without begin and end. */
        STATEMENT
    }

    /** How a transaction ended, after all its retries. */
    public enum Outcome {
        OK,

        /** The database refused, or could not be reached. */
        FAILED,

        /** The connection broke during the commit. */
        UNKNOWN,

        /** Its thread was interrupted. */
        INTERRUPTED,

        /** What was to be done in it turned out to be wrong or senseless: nothing is wrong with the database. */
        ABANDONED
    }

    /** Why a transaction is tried again. */
    public enum Retry {
        /** A deadlock, or a serialization failure. */
        CONTENTION,

        /** The connection broke, or there was none. */
        CONNECTION,

        /** The server is not, or no longer, the primary. */
        NOT_PRIMARY
    }

    /** Is told of transactions, on their threads; must return at once, and throw nothing. */
    public interface Observer {

        /** Is told that one has ended, and how long it took with all its retries and waits. */
        void ended(Kind kind, Outcome outcome, long nanos);

        /** Is told that one is tried again. */
        void retried(Retry cause);
    }

    private final List<Observer> observers = new CopyOnWriteArrayList<>();
    private final LongAdder sessionsLost = new LongAdder();
    private final LongAdder sessionsReaped = new LongAdder();
    private final LongAdder failedHeartbeats = new LongAdder();

    /** Begins to tell of transactions. */
    public void observe(Observer observer) {
        observers.add(observer);
    }

    /** Ends that. */
    public void forget(Observer observer) {
        observers.remove(observer);
    }

    public void ended(Kind kind, Outcome outcome, long nanos) {
        for (Observer observer : observers) {
            observer.ended(kind, outcome, nanos);
        }
    }

    public void retried(Retry cause) {
        for (Observer observer : observers) {
            observer.retried(cause);
        }
    }

    public void sessionLost() {
        sessionsLost.increment();
    }

    public void sessionReaped() {
        sessionsReaped.increment();
    }

    public void heartbeatFailed() {
        failedHeartbeats.increment();
    }

    /** Returns how many sessions of this process were lost before they were closed. */
    public long sessionsLost() {
        return sessionsLost.sum();
    }

    /** Returns how many expired sessions of any process this one has reaped. */
    public long sessionsReaped() {
        return sessionsReaped.sum();
    }

    /** Returns how many heartbeats of sessions failed and were sent again. */
    public long failedHeartbeats() {
        return failedHeartbeats.sum();
    }
}
