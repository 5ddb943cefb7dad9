package dev.shepherd.bmdb.internal.event;

import dev.shepherd.bmdb.event.EventKind;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What a transaction tells of itself, before it is known when it happened.
 *
 * @param provider whose it is, where there is no machine that says so
 */
public record Told(
        EventKind kind, @Nullable UUID machineId, @Nullable String provider, Map<String, String> details) {

    /** Copies the details. */
    public Told {
        details = Map.copyOf(details);
    }
}
