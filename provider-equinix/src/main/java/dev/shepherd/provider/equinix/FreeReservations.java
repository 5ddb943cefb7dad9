package dev.shepherd.provider.equinix;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The free reservations as they were when they were last listed, less those that have been used since, and the memory
 * of those that failed. Safe for use by several threads.
 */
final class FreeReservations {

    private final Duration keptFor;
    private final Duration failedFor;
    private final Clock clock;
    private final Object lock = new Object();

    /** Guarded by {@link #lock}, as all that follows. */
    private final Map<UUID, Reservation> free = new LinkedHashMap<>();

    private final Map<UUID, Instant> leftOutUntil = new HashMap<>();
    private @Nullable Instant listedAt;

    /** Counts uses, so that a listing that was under way during one does not bring the reservation back. */
    private final Map<UUID, Long> usedAt = new HashMap<>();

    private long uses;

    FreeReservations(Duration keptFor, Duration failedFor, Clock clock) {
        this.keptFor = keptFor;
        this.failedFor = failedFor;
        this.clock = clock;
    }

    /** Tells whether what is known is too old, or nothing is. */
    boolean isStale() {
        synchronized (lock) {
            Instant now = clock.instant();
            return listedAt == null || now.isBefore(listedAt) || !now.isBefore(listedAt.plus(keptFor));
        }
    }

    /** To be called before reservations are listed; what it returns goes to {@link #replace}. */
    long beginListing() {
        synchronized (lock) {
            return uses;
        }
    }

    /** Takes over a listing. */
    void replace(long begun, Collection<Reservation> listed) {
        synchronized (lock) {
            usedAt.values().removeIf(use -> use <= begun);
            free.clear();
            for (Reservation reservation : listed) {
                if (reservation.isFree() && !usedAt.containsKey(reservation.id())) {
                    free.put(reservation.id(), reservation);
                }
            }
            listedAt = clock.instant();
        }
    }

    /** Returns those that can be used now: without those that failed within the last hour. */
    List<Reservation> usable() {
        synchronized (lock) {
            List<Reservation> usable = new ArrayList<>(free.values());
            usable.removeIf(reservation -> leftOutUntil(reservation.id()).isPresent());
            return usable;
        }
    }

    Optional<Reservation> find(UUID id) {
        synchronized (lock) {
            return Optional.ofNullable(free.get(id));
        }
    }

    void used(UUID id) {
        synchronized (lock) {
            free.remove(id);
            usedAt.put(id, ++uses);
        }
    }

    void failed(UUID id) {
        synchronized (lock) {
            leftOutUntil.put(id, clock.instant().plus(failedFor));
        }
    }

    /** Returns until when a reservation is left out because it failed. */
    Optional<Instant> leftOutUntil(UUID id) {
        synchronized (lock) {
            Instant until = leftOutUntil.get(id);
            if (until != null && !clock.instant().isBefore(until)) {
                leftOutUntil.remove(id);
                return Optional.empty();
            }
            return Optional.ofNullable(until);
        }
    }
}
