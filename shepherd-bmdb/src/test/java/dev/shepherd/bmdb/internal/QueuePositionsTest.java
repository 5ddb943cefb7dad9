package dev.shepherd.bmdb.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.DueQueue.Looked;
import dev.shepherd.bmdb.internal.DueQueue.Part;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class QueuePositionsTest {

    private static final Part PART = new Part(WorkProcess.AGENT_START, "test");
    private static final OffsetDateTime NOON = OffsetDateTime.of(2026, 1, 1, 12, 0, 0, 0, ZoneOffset.UTC);
    private static final OffsetDateTime ONE = NOON.plusHours(1);

    private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 10);
    private final QueuePositions positions = new QueuePositions(nanos::get);

    @Test
    void goesOnAtTheFirstOfWhatWasFoundLast() {
        positions.looked(PART, Optional.empty(), found(ONE, NOON), 2);

        assertThat(positions.from(PART)).contains(NOON);
        assertThat(positions.from(Part.scheduled(WorkProcess.AGENT_START))).isEmpty();
    }

    @Test
    void neverGoesBackWhereOthersHaveGoneOn() {
        positions.looked(PART, Optional.empty(), found(ONE, ONE), 2);
        positions.looked(PART, Optional.of(NOON), found(NOON, ONE), 2);

        assertThat(positions.from(PART)).contains(ONE);
    }

    @Test
    void beginsAnewWhereLessIsLeftThanWasAskedFor() {
        positions.looked(PART, Optional.empty(), found(NOON, ONE), 2);
        positions.looked(PART, Optional.of(NOON), found(ONE), 2);

        assertThat(positions.from(PART)).isEmpty();
    }

    @Test
    void beginsAnewAfterASecondHoweverMuchWasFoundSince() {
        positions.looked(PART, Optional.empty(), found(NOON, ONE), 2);
        nanos.addAndGet(Duration.ofMillis(999).toNanos());
        positions.looked(PART, Optional.of(NOON), found(ONE, ONE), 2);
        assertThat(positions.from(PART)).contains(ONE);

        nanos.addAndGet(Duration.ofMillis(1).toNanos());
        assertThat(positions.from(PART)).isEmpty();

        positions.looked(PART, Optional.empty(), found(NOON, ONE), 2);
        assertThat(positions.from(PART)).contains(NOON);
    }

    @Test
    void beginsAnewWhereWhatIsDueHasNoBeginning() {
        positions.looked(PART, Optional.empty(), found(OffsetDateTime.MIN, ONE), 2);

        assertThat(positions.from(PART)).isEmpty();
    }

    private static List<Looked> found(OffsetDateTime... due) {
        return List.of(due).stream()
                .map(at -> new Looked(UUID.randomUUID(), UUID.randomUUID(), at))
                .toList();
    }
}
