package dev.shepherd.bmdb.trace;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Something that is being done, from {@link #enter()} to {@link #close()}. What is begun in between on the same thread is a
 * part of it.
 *
 * <p>Its methods return at once and throw nothing, and are called by one thread, except for {@link #failed} and {@link #close()}.
 */
public interface Span extends AutoCloseable {

    /** A span that no one is told of. */
    Span NONE = new Span() {

        @Override
        public Span tag(String key, String value) {
            return this;
        }

        @Override
        public Span detail(String key, Object value) {
            return this;
        }

        @Override
        public Span enter() {
            return this;
        }

        @Override
        public void failed(Throwable failure) {}

        @Override
        public void leave() {}

        @Override
        public void close() {}
    };

    /**
     * Sets a tag; an empty value says nothing, and leaves {@code none}. Those that are known belong here before the span is entered, since samplers look at them.
     *
     * @param key one of {@link SpanName#tags()}
     * @param value one of few
     */
    Span tag(String key, String value);

    /** Sets a tag to a value of an enumeration, in small letters. */
    default Span tag(String key, Enum<?> value) {
        return tag(key, value.name().toLowerCase(Locale.ROOT));
    }

    /**
     * Sets a detail.
     *
     * @param key one of {@link SpanName#details()}
     * @param value anything; its text counts
     */
    Span detail(String key, Object value);

    /** What is done within a span. */
    @FunctionalInterface
    interface Body<T extends @Nullable Object> {
        T run(Span span) throws InterruptedException;
    }

    /** Does something from the beginning to the end of this span. What it throws is the span's failure. */
    default <T extends @Nullable Object> T run(Body<T> body) throws InterruptedException {
        enter();
        try {
            return body.run(this);
        } catch (InterruptedException | RuntimeException | Error e) {
            failed(e);
            throw e;
        } finally {
            close();
        }
    }

    /** Begins, and makes this the current span of the calling thread until {@link #close()}. */
    Span enter();

    /**
     * Says why what is being done has failed. Its {@code outcome}, unless it has one, is {@code given_up} if that is an
     * interruption, else {@code failed}.
     */
    void failed(Throwable failure);

    /**
     * Makes the span before the current one of the calling thread again, which is the one that entered; this one goes on
     * until it is closed, by any thread. Leaving twice is allowed.
     */
    void leave();

    /** {@linkplain #leave Leaves}, if the calling thread is the one that entered, and ends. Closing twice is allowed. */
    @Override
    void close();
}
