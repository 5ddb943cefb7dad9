package dev.shepherd.benchmarks.torture;

import dev.shepherd.benchmarks.torture.Effect.Kind;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.manager.disruption.Disruption;
import dev.shepherd.manager.disruption.DrainHook;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.ThreadLocalRandom;

/** Moves work away that is not there, and logs what it is told before it answers; now and then it fails, or does not answer in time. */
final class MoodyHook implements DrainHook {

    private static final double FAILS = 0.04;
    private static final double SLEEPS = 0.05;
    private static final double NEEDS_NO_TIME = 0.2;
    private static final double MOSTLY_NO_TIME = 0.8;
    private static final double IS_DRAINED = 0.25;
    private static final int SHORTEST_MILLIS = 500;
    private static final int LONGEST_MILLIS = 5_000;

    private final EffectLog log;

    MoodyHook(EffectLog log) {
        this.log = log;
    }

    @Override
    public Duration begin(Disruption disruption) throws InterruptedException {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        double mood = random.nextDouble();
        if (mood < SLEEPS) {
            // It has begun, for all that anyone knows; but it never says how long it takes.
            log(Kind.DRAIN, disruption, "");
            failOrSleep(mood);
        }
        // Rollouts have many machines to go through, and reboots are what is checked.
        Duration span = mood < (disruption.kind() == DisruptionKind.ROLLOUT ? MOSTLY_NO_TIME : NEEDS_NO_TIME)
                ? Duration.ZERO
                : Duration.ofMillis(random.nextInt(SHORTEST_MILLIS, LONGEST_MILLIS));
        log(
                Kind.DRAIN,
                disruption,
                String.valueOf(
                        ChronoUnit.MICROS.between(Instant.EPOCH, disruption.at().plus(span))));
        return span;
    }

    @Override
    public boolean isDrained(Disruption disruption) throws InterruptedException {
        double mood = ThreadLocalRandom.current().nextDouble();
        failOrSleep(mood);
        if (mood < IS_DRAINED) {
            log(Kind.DRAINED, disruption, "");
            return true;
        }
        return false;
    }

    @Override
    public void done(Disruption disruption) throws InterruptedException {
        failOrSleep(ThreadLocalRandom.current().nextDouble());
        log(Kind.DRAIN_DONE, disruption, "");
    }

    @Override
    public void cancelled(Disruption disruption, String why) throws InterruptedException {
        failOrSleep(ThreadLocalRandom.current().nextDouble());
        log(Kind.DRAIN_CANCELLED, disruption, "");
    }

    private static void failOrSleep(double mood) throws InterruptedException {
        if (mood < FAILS) {
            throw new IllegalStateException("it is broken");
        }
        if (mood < SLEEPS) {
            Thread.sleep(60_000);
        }
    }

    private void log(Kind kind, Disruption disruption, String second) {
        log.add(kind, disruption.providerId().value(), disruption.id().toString(), second);
    }
}
