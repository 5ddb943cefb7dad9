package dev.shepherd.manager.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.trace.Tracer;
import dev.shepherd.manager.disruption.Disruption;
import dev.shepherd.manager.disruption.DisruptionGate;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.disruption.GateAnswer;
import dev.shepherd.manager.internal.GateCalls.Said;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What a gate that never answers can cost. */
class GateCallsTest {

    private static final Disruption DISRUPTION = new Disruption(
            UUID.randomUUID(),
            DisruptionKind.REBOOT,
            UUID.randomUUID(),
            new ProviderType("lab"),
            new ProviderID("one"),
            Map.of(),
            "a test",
            Optional.empty(),
            Instant.EPOCH);

    private static GateCalls calls(DisruptionGate gate) {
        return new GateCalls(
                DisruptionSettings.builder()
                        .gate(gate)
                        .answerWithin(Duration.ofMillis(20))
                        .build(),
                Tracer.NONE);
    }

    private static long threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("shepherd-gate-"))
                .count();
    }

    @Test
    void aGateThatNeverReturnsKeepsNoMoreThanItsThreadsAndIsNotWaitedForAgain() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        AtomicInteger asked = new AtomicInteger();
        DisruptionGate stuck = disruption -> {
            asked.incrementAndGet();
            while (true) {
                try {
                    end.await();
                    return GateAnswer.proceed();
                } catch (InterruptedException e) {
                    // It does not care.
                }
            }
        };
        List<Said> said = new ArrayList<>();
        try (GateCalls calls = calls(stuck)) {
            calls.observe((gate, one, nanos) -> said.add(one));
            for (int i = 0; i < 100; i++) {
                assertThat(calls.ask(stuck, DISRUPTION).verdict()).isEqualTo(GateAnswer.Verdict.NOT_NOW);
            }
            assertThat(asked).hasValue(GateCalls.MOST_AT_ONCE);
            assertThat(threads()).isEqualTo(GateCalls.MOST_AT_ONCE);
            assertThat(said).hasSize(100).containsOnly(Said.FAILED);
            assertThat(calls.ask(stuck, DISRUPTION).why()).isEqualTo("16 earlier calls have not ended yet");

            end.countDown();
            for (int i = 0; i < 100 && calls.ask(stuck, DISRUPTION).verdict() != GateAnswer.Verdict.PROCEED; i++) {
                Thread.sleep(20);
            }
            assertThat(calls.ask(stuck, DISRUPTION)).as("it answers again").isEqualTo(GateAnswer.proceed());
        }
        for (int i = 0; i < 100 && threads() > 0; i++) {
            Thread.sleep(20);
        }
        assertThat(threads()).isZero();
    }

    @Test
    void aGateThatIsSlowIsInterruptedAndAClosedManagerHoldsBack() throws Exception {
        CountDownLatch interrupted = new CountDownLatch(1);
        DisruptionGate slow = disruption -> {
            try {
                Thread.sleep(60_000);
            } catch (InterruptedException e) {
                interrupted.countDown();
            }
            return GateAnswer.proceed();
        };
        GateCalls calls = calls(slow);
        assertThat(calls.ask(slow, DISRUPTION).why()).isEqualTo("it did not answer within 20 ms");
        interrupted.await();
        calls.close();
        assertThat(calls.ask(slow, DISRUPTION).why()).isEqualTo("the manager is closing");
    }
}
