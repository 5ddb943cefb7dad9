package dev.shepherd.benchmarks.torture;

import dev.shepherd.benchmarks.torture.Effect.Kind;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.manager.disruption.Disruption;
import dev.shepherd.manager.disruption.DisruptionGate;
import dev.shepherd.manager.disruption.GateAnswer;
import java.util.concurrent.ThreadLocalRandom;

/** Approves most reboots, and logs that before it answers; now and then it does not, fails, or does not answer in time. */
final class MoodyGate implements DisruptionGate {

    private static final double NOT_NOW = 0.15;
    private static final double FAILS = 0.18;
    private static final double SLEEPS = 0.21;

    private final EffectLog log;

    MoodyGate(EffectLog log) {
        this.log = log;
    }

    @Override
    public GateAnswer ask(Disruption disruption) throws InterruptedException {
        double mood = ThreadLocalRandom.current().nextDouble();
        if (mood < NOT_NOW) {
            return GateAnswer.notNow("it is not in the mood");
        }
        if (mood < FAILS) {
            throw new IllegalStateException("it is broken");
        }
        if (mood < SLEEPS) {
            Thread.sleep(60_000);
        }
        if (disruption.kind() != DisruptionKind.ROLLOUT) {
            log.add(
                    Kind.APPROVE,
                    disruption.providerId().value(),
                    disruption.id().toString(),
                    "");
        }
        return GateAnswer.proceed();
    }
}
