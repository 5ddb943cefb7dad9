package dev.shepherd.bmdb.event;

import java.util.Objects;

/**
 * An event of the feed. Immutable.
 *
 * @param position where it is in the feed, from 1; a reader goes on from here
 * @param event what happened
 */
public record StoredEvent(long position, ShepherdEvent event) {

    /** Checks that there is an event. */
    public StoredEvent {
        Objects.requireNonNull(event, "event");
    }
}
