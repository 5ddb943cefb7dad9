package dev.shepherd.bmdb;

import java.util.List;

/**
 * What recovery of a provider looks at before it acts. A snapshot; immutable.
 *
 * @param due how many machines are due, without an attempt so far
 * @param inRecovery how many have had an attempt and have not been heard since
 * @param limit how many may be in recovery at once now
 * @param heldBack why machines that are due have to wait, for people; empty if none has to
 * @param freezes what is frozen, and why; empty if nothing is
 */
public record RecoveryOutlook(int due, int inRecovery, int limit, List<String> heldBack, List<Freeze> freezes) {

    /** Nothing to do. */
    public static final RecoveryOutlook QUIET = new RecoveryOutlook(0, 0, 0, List.of(), List.of());

    /** Copies the lists. */
    public RecoveryOutlook {
        heldBack = List.copyOf(heldBack);
        freezes = List.copyOf(freezes);
    }
}
