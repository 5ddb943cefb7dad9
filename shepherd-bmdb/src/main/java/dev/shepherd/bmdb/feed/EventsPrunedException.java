package dev.shepherd.bmdb.feed;

import dev.shepherd.api.ShepherdException;

/**
 * A reader has been away for so long that events which it has not seen were deleted. It has to look at the fleet itself,
 * and may then go on from {@link #prunedUpTo()}.
 */
public final class EventsPrunedException extends ShepherdException {

    private static final long serialVersionUID = 1;

    private final long position;
    private final long prunedUpTo;

    EventsPrunedException(long position, long prunedUpTo) {
        super("the events after position " + position + " up to position " + prunedUpTo
                + " are no longer kept: read on from there, and look at the fleet for what was missed"
                + " (BmdbConfig.eventRetention says for how long they are)");
        this.position = position;
        this.prunedUpTo = prunedUpTo;
    }

    /** Returns the position from which was to be read. */
    public long position() {
        return position;
    }

    /** Returns the last position whose event was deleted: where to go on. */
    public long prunedUpTo() {
        return prunedUpTo;
    }
}
