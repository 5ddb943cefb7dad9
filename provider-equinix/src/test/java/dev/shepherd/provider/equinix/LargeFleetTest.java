package dev.shepherd.provider.equinix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.provisioning.Intents;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.equinix.FakeEquinix;
import dev.shepherd.testkit.equinix.FakeEquinix.Call;
import dev.shepherd.testkit.equinix.Operation;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A thousand reservations, at an API of whose calls one in twenty fails. */
@Tag("slow")
class LargeFleetTest {

    private static final int RESERVATIONS = 1000;
    private static final int CALLS_PER_SECOND = 100;
    private static final int CONCURRENT = 3;

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    @Test
    @Timeout(300)
    void allOfThemBecomeMachinesNoneTwiceWithinTheRate() throws Exception {
        try (FakeEquinix api = FakeEquinix.start()) {
            List<UUID> reservations = api.addReservations(RESERVATIONS);
            api.failRandomly(0.05, 7);
            long startedAt = System.nanoTime();
            try (EquinixProvider provider = Equinix.provider(api)
                            .pageSize(50)
                            .callsPerSecond(CALLS_PER_SECOND)
                            .maxConcurrentCalls(CONCURRENT)
                            .build();
                    Shepherd shepherd = shepherd(provider)) {
                for (int step = 0; machines() < RESERVATIONS && step < 100; step++) {
                    shepherd.provisioner(Equinix.TYPE).step();
                    database.advance(Duration.ofHours(2)); // What failed is tried again.
                }
            }
            double seconds = (System.nanoTime() - startedAt) / 1e9;

            assertThat(machines()).isEqualTo(RESERVATIONS);
            assertThat(api.devices())
                    .extracting(device -> device.reservationId().orElseThrow())
                    .containsExactlyInAnyOrderElementsOf(reservations);
            assertThat(database.bmdb().providedMachines(Equinix.TYPE))
                    .extracting(machine -> machine.providerId().value())
                    .containsExactlyInAnyOrderElementsOf(api.devices().stream()
                            .map(device -> device.id().toString())
                            .toList());
            assertThat(Intents.of(database.bmdb(), Equinix.TYPE).list()).isEmpty();
            assertThat(api.mostConcurrentCalls()).isLessThanOrEqualTo(CONCURRENT);
            int busiest = assertWithinTheRate(api.calls());
            print(api.calls(), seconds, busiest);
            VendorDescription.checkIfPresent(api.calls());
        }
    }

    /** However long a span, the calls in it are no more than the rate allows for it, and one burst. */
    private static int assertWithinTheRate(List<Call> calls) {
        long[] arrivals = calls.stream().mapToLong(Call::arrivedNanos).sorted().toArray();
        int most = 0;
        int from = 0;
        for (int to = 0; to < arrivals.length; to++) {
            while (arrivals[to] - arrivals[from] > 1_000_000_000L) {
                from++;
            }
            most = Math.max(most, to - from + 1);
        }
        // A call may be held up on its way, and so arrive in the span after the one that it was sent in.
        assertThat(most).as("calls in the busiest second").isLessThanOrEqualTo(CALLS_PER_SECOND * 11 / 10 + CONCURRENT);
        double seconds = (arrivals[arrivals.length - 1] - arrivals[0]) / 1e9;
        assertThat(arrivals.length).isLessThanOrEqualTo((int) (seconds * CALLS_PER_SECOND) + CONCURRENT + 1);
        return most;
    }

    private static void print(List<Call> calls, double seconds, int busiest) {
        long faults = calls.stream().filter(call -> call.fault().isPresent()).count();
        System.out.printf(
                "%d reservations became machines in %.1f s by %d calls, %d of which were made to fail;"
                        + " %d in the busiest second, of %d allowed:%n",
                RESERVATIONS, seconds, calls.size(), faults, busiest, CALLS_PER_SECOND);
        Arrays.stream(Operation.values())
                .sorted(Comparator.naturalOrder())
                .forEach(operation -> System.out.printf(
                        "  %s %d%n",
                        operation,
                        calls.stream()
                                .filter(call -> call.operation() == operation)
                                .count()));
    }

    private int machines() throws InterruptedException {
        return database.bmdb().providedMachines(Equinix.TYPE).size();
    }

    private Shepherd shepherd(EquinixProvider provider) {
        return Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(provider)
                .provisioner(ProvisionerSettings.builder()
                        .maxCount(0)
                        .chunkSize(200)
                        .creationInterval(Duration.ZERO)
                        .build())
                .takeover(target -> {
                    throw new IllegalStateException("nothing is taken over here");
                })
                .initializer(InitializerSettings.builder()
                        .pollInterval(Duration.ofHours(1))
                        .build())
                .build();
    }
}
