package dev.shepherd.manager.rollout;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.rollout.Rollouts;
import dev.shepherd.bmdb.rollout.Rollouts.Look;
import dev.shepherd.manager.internal.ControlLoop;
import dev.shepherd.manager.internal.LoopContext;
import dev.shepherd.manager.internal.SessionSource;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings the agents of one provider's machines to the executable of a rollout: chooses machines wave by wave, watches
 * whether their new agents are heard, and has the former ones put back where they are not. The takeovers themselves are
 * the initializer's.
 *
 * <p>What is decided is decided in the database, under a lock: any number of processes run the same rollout, and any of
 * them may die. Safe for use by several threads; steps run one at a time.
 */
public final class Roller {

    private static final Logger log = LoggerFactory.getLogger(Roller.class);

    /** How often a rollout is looked at while there is one, and how often it is asked for one. */
    private static final Duration WATCHING = Duration.ofSeconds(10);

    /** How soon one is looked at again that has something to do at once: others want the provider's row meanwhile. */
    private static final Duration NEXT = Duration.ofMillis(100);

    private static final Duration ASKING = Duration.ofSeconds(30);

    private final LoopContext context;
    private final SessionSource sessions;
    private final Rollouts rollouts;
    private final Object stepping = new Object();

    public Roller(LoopContext context, RecoveryPolicy policy) {
        this.context = context;
        this.sessions = context.sessions();
        this.rollouts = Rollouts.of(context.bmdb(), context.provider().type(), policy);
    }

    public ControlLoop.Next run() throws InterruptedException {
        Look look = look();
        return new ControlLoop.Next(
                look.isReady() ? NEXT : look.waitingFor().isPresent() ? WATCHING : ASKING,
                look.waitingFor().map(Escaped::text).orElse("a rollout"));
    }

    /**
     * Looks at the provider's rollout once, and does what is to be done now.
     *
     * @return what it waits for, in words; {@code a rollout} if there is none
     * @throws dev.shepherd.api.SessionExpiredException if the session is lost
     * @throws dev.shepherd.bmdb.BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public String step() throws InterruptedException {
        return look().waitingFor().orElse("a rollout");
    }

    private Look look() throws InterruptedException {
        synchronized (stepping) {
            Look look = rollouts.look(sessions.current());
            look.events()
                    .forEach(event ->
                            log.info("Provider {}: {}", context.provider().type(), Escaped.text(event)));
            return look;
        }
    }
}
