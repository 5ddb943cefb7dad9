package dev.shepherd.testkit.equinix;

import java.time.Duration;
import java.util.Optional;

/** Something that goes wrong with one call of {@link FakeEquinix}. Immutable. */
public final class Fault {
    private enum Kind {
        ANSWER,
        DROP_BEFORE,
        DROP_AFTER,
        DELAY
    }

    private final Kind kind;
    private final int status;
    private final String body;
    private final Optional<String> retryAfter;
    private final Duration delay;
    private final Runnable action;

    private Fault(Kind kind, int status, String body, Optional<String> retryAfter, Duration delay, Runnable action) {
        this.kind = kind;
        this.status = status;
        this.body = body;
        this.retryAfter = retryAfter;
        this.delay = delay;
        this.action = action;
    }

    private static Fault answer(int status, String body, Optional<String> retryAfter) {
        return new Fault(Kind.ANSWER, status, body, retryAfter, Duration.ZERO, () -> {});
    }

    private static Fault run(Kind kind, Runnable action) {
        return new Fault(kind, 0, "", Optional.empty(), Duration.ZERO, action);
    }

    /** Answers with an error in place of doing what is asked. */
    public static Fault answer(int status, String error) {
        return answer(status, EquinixApi.errors(error), Optional.empty());
    }

    /** Answers with an error and a {@code Retry-After}, in seconds or as a date, in place of doing what is asked. */
    public static Fault answer(int status, String error, String retryAfter) {
        return answer(status, EquinixApi.errors(error), Optional.of(retryAfter));
    }

    /** Answers with any body, such as one that is no JSON, in place of doing what is asked. */
    public static Fault answerRaw(int status, String body) {
        return answer(status, body, Optional.empty());
    }

    /** Drops the connection in place of doing what is asked. */
    public static Fault dropBeforeEffect() {
        return runBeforeEffect(() -> {});
    }

    /** Does what is asked, and drops the connection in place of answering. */
    public static Fault dropAfterEffect() {
        return runAfterEffect(() -> {});
    }

    /** Does what is asked, and answers late. */
    public static Fault delay(Duration delay) {
        return new Fault(Kind.DELAY, 0, "", Optional.empty(), delay, () -> {});
    }

    /** Runs something when the call has arrived, and drops the connection in place of doing what is asked. */
    public static Fault runBeforeEffect(Runnable action) {
        return run(Kind.DROP_BEFORE, action);
    }

    /** Does what is asked, runs something, and drops the connection in place of answering. */
    public static Fault runAfterEffect(Runnable action) {
        return run(Kind.DROP_AFTER, action);
    }

    /** Tells whether the call has no effect. */
    boolean isBeforeEffect() {
        return kind == Kind.ANSWER || kind == Kind.DROP_BEFORE;
    }

    /** Returns what is answered in place of doing what is asked. */
    EquinixApi.Answer answer() {
        return new EquinixApi.Answer(status, body);
    }

    /** Tells whether the caller gets a whole answer. */
    boolean answers() {
        return kind == Kind.ANSWER || kind == Kind.DELAY;
    }

    Optional<String> retryAfter() {
        return retryAfter;
    }

    /** Returns how much longer the answer takes, where it is late. */
    Optional<Duration> delay() {
        return kind == Kind.DELAY ? Optional.of(delay) : Optional.empty();
    }

    void run() {
        action.run();
    }

    @Override
    public String toString() {
        return kind == Kind.ANSWER ? kind + " " + status : kind.toString();
    }
}
