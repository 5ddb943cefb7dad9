package dev.shepherd.manager.takeover;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.manager.takeover.TakeoverException.Kind;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class OutOfReachTest {

    /**
     * As docs/recovery.md has it: a reboot may only follow if nothing answered, or what answered fell silent or was cut off
     * without a word, before it could know who calls.
     */
    @Test
    void onlyWhatFailsBeforeTheHostKnowsWhoCallsMayBeOutOfReach() throws Exception {
        TakeoverTarget target = TakeoverTarget.builder(UUID.randomUUID(), InetAddress.getByName("10.0.0.1"))
                .build();
        List<String> outOfReach = new ArrayList<>();
        for (TakeoverStep step : TakeoverStep.values()) {
            for (Kind kind : Kind.values()) {
                if (new TakeoverException(kind, step, target, Duration.ZERO, "why").isOutOfReach()) {
                    outOfReach.add(step + " " + kind);
                }
            }
        }

        assertThat(outOfReach)
                .containsExactly(
                        "CONNECT UNREACHABLE",
                        "CONNECT TIMEOUT",
                        "CONNECT CONNECTION_LOST",
                        "KEY_EXCHANGE UNREACHABLE",
                        "KEY_EXCHANGE TIMEOUT",
                        "KEY_EXCHANGE CONNECTION_LOST");
    }
}
