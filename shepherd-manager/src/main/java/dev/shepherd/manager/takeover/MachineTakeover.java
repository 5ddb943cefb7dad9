package dev.shepherd.manager.takeover;

/**
 * A way to start the agent on a machine. {@link AgentTakeover} does it by SSH; tests and embedders with another way in
 * put their own in its place.
 *
 * <p>Implementations must be safe for use by several threads, end within a bounded time, and end early when
 * interrupted.
 */
@FunctionalInterface
public interface MachineTakeover {

    /**
     * Takes one machine over. It may be taken over again at any time.
     *
     * @param target the machine
     * @return the key of the agent that runs now, and the host key to pin. It is a failure of the takeover, and nothing of
     *     the result is recorded, if the agent's key is not an ed25519 point in canonical form, or one of small order; or if
     *     the host key is no key, or one that proves nothing, such as RSA of less than 2,048 bits
     * @throws TakeoverException if it failed
     * @throws InterruptedException if the thread is interrupted
     */
    TakeoverResult takeover(TakeoverTarget target) throws InterruptedException;
}
