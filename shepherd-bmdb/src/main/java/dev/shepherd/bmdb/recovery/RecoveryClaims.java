package dev.shepherd.bmdb.recovery;

import dev.shepherd.bmdb.RecoveryOutlook;
import dev.shepherd.bmdb.Work;
import java.util.List;

/**
 * What a session took to bring back. Immutable.
 *
 * @param work the machines; each must be finished, failed or closed
 * @param outlook what was looked at
 */
public record RecoveryClaims(List<Work> work, RecoveryOutlook outlook) {

    /** Copies the list. */
    public RecoveryClaims {
        work = List.copyOf(work);
    }
}
