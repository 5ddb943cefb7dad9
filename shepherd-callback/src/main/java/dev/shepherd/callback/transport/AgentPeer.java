package dev.shepherd.callback.transport;

import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The other side of a connection, and what it may take. Has one request at a time. Belongs to the connection's event
 * loop: all methods are called there.
 *
 * <p>A request goes through {@link #begin}, {@link #receive} for its parts, {@link #submit} and {@link #answered}. Where a
 * method returns something to tell, that is told instead, and then {@code answered}.
 */
public interface AgentPeer {

    /** Returns how long a client may take to begin to speak, and to read an answer. */
    Duration headTimeout();

    /** Returns how long the connection may stay open between two requests. */
    Duration idleTimeout();

    /** Returns how many bytes a request may have. */
    int maxRequestSize();

    /** Sets what is done each time that the time is over which was given. */
    void whenLate(Runnable action);

    /** Gives so much time from now on, in place of what was given before. */
    void giveTime(Duration time);

    /** Takes note that time was over for a client that was too slow. Its connection is closed by the caller. */
    void wasTooSlow();

    /** Takes note that a request begins. Returns what to tell if it is refused without being read; else null. */
    @Nullable
    Told begin();

    /**
     * Asks for room for a part of the request.
     *
     * @param size how many bytes of the request have arrived, with this part
     * @return what to tell if there is none, or the request is too large; else null
     */
    @Nullable
    Told receive(int size);

    /**
     * Tells whether the request that has begun takes too long to arrive. To be asked every half a second.
     *
     * @param size how many bytes of the request have arrived
     */
    boolean isTooSlow(int size);

    /**
     * Has a request carried out that has arrived.
     *
     * @param body the request's bytes, for their number
     * @param whenDone is told what to tell, once, by any thread, which it must not hold up. It may never be if the
     *     endpoint is closed
     */
    void submit(AgentMessage message, byte[] body, Consumer<Told> whenDone);

    /** Returns what to tell of a request that is malformed. */
    Told malformed(String why);

    /** Returns what to tell of a request to a method that is not there. */
    Told noMethod(String why);

    /** Returns what to tell of a request that could not be carried out in time. */
    Told timedOut();

    /** Takes note that the request is over, since it is being answered or the client has given it up. */
    void ended();

    /**
     * Takes note of an answer that is being written.
     *
     * @param size how many bytes it has
     * @return whether the connection may have another request
     */
    boolean answered(Told told, int size);

    /**
     * Logs a failure, at most once a minute for each kind. May be called by any thread.
     *
     * @param kind what the line begins with; one of a few
     * @param cause what happened
     */
    void failed(String kind, String cause);
}
