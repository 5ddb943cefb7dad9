package dev.shepherd.bmdb.internal;

import dev.shepherd.bmdb.internal.DueQueue.Looked;
import dev.shepherd.bmdb.internal.DueQueue.Part;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;

/**
 * Where the claimers of a session are in the parts of the queue that they process.
 *
 * <p>Each look skips deleted entries one by one, until they are vacuumed. In a queue of thousands, which is processed
 * from its beginning, that would soon be most of the cost of a claim. So for a second, a look continues where the last
 * one that found all it asked for had ended; then it starts from the beginning again, which finds entries that were
 * added before that point meanwhile. A claimer that finds less than it asked for looks from the beginning at once.
 *
 * <p>Safe for use by several threads.
 */
public final class QueuePositions {

    private static final Duration ANEW_AFTER = Duration.ofSeconds(1);

    private final LongSupplier nanoTime;
    private final Map<Part, Position> positions = new ConcurrentHashMap<>();

    public QueuePositions(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
    }

    private record Position(OffsetDateTime at, long beganNanos) {

        Position furthest(Position other) {
            return beganNanos - other.beganNanos > 0 || beganNanos == other.beganNanos && at.isAfter(other.at)
                    ? this
                    : other;
        }
    }

    /** Returns where to look; empty for the beginning. */
    public Optional<OffsetDateTime> from(Part part) {
        return Optional.ofNullable(positions.get(part))
                .filter(position -> nanoTime.getAsLong() - position.beganNanos() < ANEW_AFTER.toNanos())
                .map(Position::at)
                // What has no beginning in time.
                .filter(at -> !at.equals(OffsetDateTime.MIN));
    }

    /** Notes what a look found that asked for {@code limit} machines. */
    public void looked(Part part, Optional<OffsetDateTime> from, List<Looked> found, int limit) {
        if (found.size() < limit) {
            positions.remove(part);
            return;
        }
        OffsetDateTime first =
                found.stream().map(Looked::dueAt).min(Comparator.naturalOrder()).orElseThrow();
        Position before = positions.get(part);
        long began = from.isEmpty() || before == null ? nanoTime.getAsLong() : before.beganNanos();
        positions.merge(part, new Position(first, began), Position::furthest);
    }
}
