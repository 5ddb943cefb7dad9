package dev.shepherd.bmdb.internal;

import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.function.Supplier;
import org.jooq.Field;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;

/**
 * The clock of tags, backoff and eligibility: the database's, so that no two hosts disagree on the time. Tests move it
 * by an offset. Sessions do not use it: theirs is always the database's own time.
 */
public final class DatabaseTime {

    private final Supplier<Duration> offset;

    public DatabaseTime(Supplier<Duration> offset) {
        this.offset = offset;
    }

    /** The start of the current transaction. */
    public Field<OffsetDateTime> now() {
        Duration by = offset.get();
        return by.isZero() ? transactionTime() : shifted(transactionTime(), by);
    }

    /**
     * The moment at which the statement evaluates it. For history: a transaction that began earlier may take a machine
     * later, after having waited, and the lines must tell the order in which it changed hands.
     */
    public Field<OffsetDateTime> moment() {
        Field<OffsetDateTime> moment = DSL.field("clock_timestamp()", SQLDataType.TIMESTAMPWITHTIMEZONE);
        Duration by = offset.get();
        return by.isZero() ? moment : shifted(moment, by);
    }

    /** {@link #now()}, for a statement that is written out. */
    String sqlNow() {
        Duration by = offset.get();
        return by.isZero() ? "now()" : "(now() + " + by.toMillis() + " * interval '1 millisecond')";
    }

    /** What to add to the database's own time, as an interval in the database's way of writing it. */
    public String ahead() {
        return offset.get().toMillis() + " milliseconds";
    }

    public Field<OffsetDateTime> nowPlus(Duration by) {
        return shifted(transactionTime(), offset.get().plus(by));
    }

    public Field<OffsetDateTime> nowMinus(Duration by) {
        return nowPlus(by.negated());
    }

    /** The database's own time at the start of the current transaction, which no offset moves. */
    public static Field<OffsetDateTime> transactionTime() {
        return DSL.field("now()", SQLDataType.TIMESTAMPWITHTIMEZONE);
    }

    public static Field<OffsetDateTime> shifted(Field<OffsetDateTime> time, Duration by) {
        return DSL.field(
                "{0} + {1} * interval '1 millisecond'",
                SQLDataType.TIMESTAMPWITHTIMEZONE, time, DSL.val(by.toMillis(), SQLDataType.BIGINT));
    }
}
