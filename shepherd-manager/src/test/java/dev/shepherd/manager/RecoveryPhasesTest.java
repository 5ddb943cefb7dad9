package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.manager.VirtualFleet.Effect;
import dev.shepherd.manager.VirtualFleet.Health;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Agents that beat once a minute, each at a second of its own, under the shortest silence that is allowed. */
class RecoveryPhasesTest extends RecoveryScenario {

    private static final RecoveryPolicy SHORTEST = RecoveryPolicy.builder()
            .silentAfterHeartbeat(Duration.ofSeconds(150))
            .build();

    private static final int TICK_SECONDS = 5;
    private static final int LOOK_SECONDS = 30;
    private static final int BEAT_SECONDS = 60;

    private final List<Integer> phases = new ArrayList<>();
    private final Set<UUID> dead = new HashSet<>();
    private Shepherd manager;
    private boolean frozen;
    private int second;

    private void start(Random random) throws Exception {
        fleet(40, 2);
        manager = fleet.manager(SHORTEST);
        fleet.all().forEach(id -> phases.add(random.nextInt(BEAT_SECONDS)));
        fleet.ingestWorks(false); // The heartbeats are sent here, one by one.
        second = random.nextInt(LOOK_SECONDS);
        live(12 * 60, true);
    }

    private void live(int seconds, boolean heard) throws Exception {
        for (int end = second + seconds; second < end; ) {
            int from = second;
            second += TICK_SECONDS;
            fleet.passWithoutManagers(Duration.ofSeconds(TICK_SECONDS));
            if (heard) {
                fleet.heartbeat(beating(from));
            }
            if (from / LOOK_SECONDS != second / LOOK_SECONDS) {
                fleet.pass(Duration.ZERO);
                frozen |= isFrozen(manager);
            }
        }
    }

    private UUID[] beating(int from) {
        List<UUID> all = fleet.all();
        List<UUID> now = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            boolean isDue = Math.floorMod(phases.get(i) - from, BEAT_SECONDS) < TICK_SECONDS;
            if (isDue && !dead.contains(all.get(i))) {
                now.add(all.get(i));
            }
        }
        return now.toArray(UUID[]::new);
    }

    @Test
    void whicheverDiesIsRebootedInTimeAndNoOther() throws Exception {
        reboots(1);
    }

    @ParameterizedTest
    @Tag("slow")
    @ValueSource(ints = {2, 3, 4})
    void reboots(int seed) throws Exception {
        Random random = new Random(seed);
        start(random);
        for (int death = 0; death < 4; death++) {
            UUID victim = fleet.all().get(10 * death + random.nextInt(10));
            int effects = fleet.effects().size();
            live(random.nextInt(BEAT_SECONDS), true);
            fleet.become(Health.HUNG, victim);
            dead.add(victim);
            Duration died = fleet.elapsed();

            live(150 + LOOK_SECONDS + 2 * TICK_SECONDS, true);

            assertThat(fleet.effects()).hasSize(effects + 1);
            Effect last = fleet.effects().get(effects);
            assertThat(last.machine()).isEqualTo(victim);
            assertThat(last.at().minus(died)).isBetween(Duration.ofSeconds(90), Duration.ofSeconds(190));
            dead.remove(victim);
        }
        assertThat(frozen).isFalse();
    }

    @Test
    void anOutageAtAnyMomentFreezesBeforeTheFirstReboot() throws Exception {
        outage(1);
    }

    @ParameterizedTest
    @Tag("slow")
    @ValueSource(ints = {2, 3, 4})
    void outage(int seed) throws Exception {
        Random random = new Random(seed);
        start(random);
        live(random.nextInt(BEAT_SECONDS), true);

        live(15 * 60, false);

        assertThat(fleet.effects()).isEmpty();
        assertThat(frozen).isTrue();
    }
}
