package dev.shepherd.manager.disruption;

import java.time.Duration;

/**
 * Moves work away from a machine before it goes down, and back after. Told of what all gates have agreed to.
 *
 * <p>Each {@link #begin} is followed by one end, {@link #done} or {@link #cancelled}, sooner or later and from any process: also when
 * the process that began has died. All are told <em>at least once</em>, under the same {@link Disruption#id}; a hook must put up with
 * being told again. After {@code cancelled}, a new {@code begin} has another id: an end that is told once more is none of it.
 *
 * <p>Hooks are called on threads of their own, by several at once, and have {@link DisruptionSettings.Builder#answerWithin} for each
 * call. If one throws or takes longer, the machine is held back, as by a gate, and {@code begin} is told again later.
 */
public interface DrainHook {

    /**
     * Begins to move work away from a machine.
     *
     * @return how long that takes at most: the machine goes down after that, if it is not {@link #isDrained} before. Zero if there
     *     is nothing to wait for. More than {@link DisruptionSettings.Builder#drainLimit} is cut to that
     * @throws Exception if work cannot be moved away now: the machine is held back
     */
    Duration begin(Disruption disruption) throws Exception;

    /**
     * Tells whether all work is off the machine. Asked every {@link DisruptionSettings.Builder#drainPoll} while there is time; false by
     * default: then the machine has the whole time that {@link #begin} named.
     *
     * @throws Exception if it cannot say; counts as no
     */
    default boolean isDrained(Disruption disruption) throws Exception {
        return false;
    }

    /**
     * It was done and is over: the agent is heard again, or the machine was given up (quarantined, unknown to its provider). The
     * machine's events and state say which.
     *
     * @throws Exception if it could not be taken note of: told again later
     */
    default void done(Disruption disruption) throws Exception {}

    /**
     * It will not be done for now: the machine was heard or paused meanwhile, a gate does not agree any more, or its process died.
     *
     * @param why for people: one line
     * @throws Exception if it could not be taken note of: told again later
     */
    default void cancelled(Disruption disruption, String why) throws Exception {}
}
