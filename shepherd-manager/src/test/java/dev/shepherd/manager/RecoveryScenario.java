package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Statistics;
import dev.shepherd.manager.VirtualFleet.Effect;
import dev.shepherd.testkit.database.BmdbExtension;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A fleet in virtual time, of which the machines fall silent and are recovered. */
abstract class RecoveryScenario {

    static final Duration MINUTE = Duration.ofMinutes(1);
    static final RecoveryPolicy POLICY = RecoveryPolicy.DEFAULT;
    private static final Duration UNEVENTFUL = Duration.ofMinutes(4);

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create(config -> config.sessionInterval(Duration.ofSeconds(20)));

    VirtualFleet fleet;

    VirtualFleet fleet(int machines, int locations) throws InterruptedException {
        fleet = new VirtualFleet(database, machines, locations);
        return fleet;
    }

    @AfterEach
    void closeManagers() {
        fleet.close();
    }

    void pass(int minutes) throws InterruptedException {
        for (int minute = 0; minute < minutes; minute++) {
            fleet.pass(MINUTE);
        }
    }

    /** Lets hours pass in which nothing is expected: looks are as far apart as they may be without being a gap. */
    void passUneventfully(Duration span) throws InterruptedException {
        Duration until = fleet.elapsed().plus(span);
        while (fleet.elapsed().compareTo(until) < 0) {
            fleet.pass(UNEVENTFUL);
        }
    }

    void passUntilEffects(int count) throws InterruptedException {
        for (int minute = 0; minute < 600 && fleet.effects().size() < count; minute++) {
            fleet.pass(MINUTE);
        }
        assertThat(fleet.effects()).hasSize(count);
    }

    Statistics statistics() throws InterruptedException {
        return Operator.of(database.bmdb()).statistics();
    }

    static boolean isFrozen(Shepherd manager) {
        return !manager.status().recovery().get(VirtualFleet.TYPE).freezes().isEmpty();
    }

    static void requireCooldown(List<Effect> effects) {
        effects.stream()
                .collect(Collectors.groupingBy(Effect::machine))
                .values()
                .forEach(ofOne -> {
                    for (int i = 1; i < ofOne.size(); i++) {
                        assertThat(ofOne.get(i).at().minus(ofOne.get(i - 1).at()))
                                .isGreaterThanOrEqualTo(POLICY.cooldown());
                    }
                });
    }

    static long total(Map<String, Long> counts) {
        return counts.values().stream().mapToLong(Long::longValue).sum();
    }

    @FunctionalInterface
    interface Writes {
        void on(BmdbTransaction tx);
    }

    void inTransaction(Writes writes) throws InterruptedException {
        try (BmdbSession session = database.bmdb().startSession("test", "here")) {
            session.useTransaction(tx -> {
                writes.on(tx);
            });
        }
    }

    @FunctionalInterface
    public interface Task {
        void run() throws InterruptedException;
    }

    static CompletableFuture<Void> background(Task task) {
        return CompletableFuture.runAsync(
                () -> {
                    try {
                        task.run();
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                },
                command -> new Thread(command).start());
    }
}
