package dev.shepherd.provider.equinix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.testkit.MutableClock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class FreeReservationsTest {

    private final MutableClock clock = new MutableClock();
    private final FreeReservations free = new FreeReservations(Duration.ofMinutes(15), Duration.ofHours(1), clock);
    private final Reservation one = reservation(true, Optional.empty());
    private final Reservation two = reservation(true, Optional.empty());

    private static Reservation reservation(boolean provisionable, Optional<UUID> device) {
        return new Reservation(
                UUID.randomUUID(), provisionable, device, Optional.of("plan"), Optional.of("fr"), Optional.of("fr2"));
    }

    @Test
    void whatIsKnownIsUsedForAQuarterOfAnHour() {
        assertThat(free.isStale()).isTrue();
        free.replace(free.beginListing(), List.of(one));
        assertThat(free.isStale()).isFalse();
        clock.advance(Duration.ofMinutes(15).minusMillis(1));
        assertThat(free.isStale()).isFalse();
        clock.advance(Duration.ofMillis(1));
        assertThat(free.isStale()).isTrue();
    }

    @Test
    void onlyThoseThatADeviceCanBeMadeFromAreFree() {
        Reservation broken = reservation(false, Optional.empty());
        Reservation taken = reservation(true, Optional.of(UUID.randomUUID()));
        free.replace(free.beginListing(), List.of(one, broken, taken, two));

        assertThat(free.usable()).containsExactly(one, two);
        assertThat(free.find(taken.id())).isEmpty();
    }

    @Test
    void oneThatIsUsedIsDroppedAndAListingThatBeganBeforeDoesNotBringItBack() {
        free.replace(free.beginListing(), List.of(one, two));
        long begun = free.beginListing();
        free.used(one.id());
        assertThat(free.usable()).containsExactly(two);

        free.replace(begun, List.of(one, two));
        assertThat(free.usable()).containsExactly(two);

        free.replace(free.beginListing(), List.of(one, two));
        assertThat(free.usable())
                .as("free again, by a listing from after the use")
                .containsExactly(one, two);
    }

    @Test
    void oneThatFailedIsLeftOutForAnHourWhateverIsListedMeanwhile() {
        free.replace(free.beginListing(), List.of(one, two));
        free.failed(one.id());
        assertThat(free.usable()).containsExactly(two);
        clock.advance(Duration.ofMinutes(30));
        free.replace(free.beginListing(), List.of(one, two));
        assertThat(free.usable()).containsExactly(two);
        assertThat(free.leftOutUntil(one.id())).contains(clock.instant().plus(Duration.ofMinutes(30)));

        clock.advance(Duration.ofMinutes(30));
        assertThat(free.usable()).containsExactly(one, two);
        assertThat(free.leftOutUntil(one.id())).isEmpty();
    }
}
