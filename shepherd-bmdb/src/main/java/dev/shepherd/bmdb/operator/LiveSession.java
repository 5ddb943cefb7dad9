package dev.shepherd.bmdb.operator;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.WorkProcess;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * A session that the database has, and what it holds. Immutable.
 *
 * @param id its id
 * @param component what it is for, such as {@code initializer}
 * @param runtimeInfo where it runs
 * @param startedAt since when
 * @param timeLeft how long it outlives the reading if no further heartbeat arrives; zero or less once it is dead and
 *     waits to be reaped
 * @param work what it works on, the longest first
 * @param intents for how many machines that are about to be created it is responsible
 */
public record LiveSession(
        UUID id,
        String component,
        String runtimeInfo,
        Instant startedAt,
        Duration timeLeft,
        List<Held> work,
        int intents) {

    /** Copies the list. */
    public LiveSession {
        work = List.copyOf(work);
    }

    /**
     * A machine that a session works on. Immutable.
     *
     * @param machineId which machine
     * @param provider whose machine it is
     * @param providerId that provider's id of it
     * @param process what is being done
     * @param since since when
     */
    public record Held(
            UUID machineId,
            Optional<ProviderType> provider,
            Optional<ProviderID> providerId,
            WorkProcess process,
            Instant since) {}
}
