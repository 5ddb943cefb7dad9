package dev.shepherd.manager.recovery;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.RecoveryOutlook;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Logs that recovery freezes, and that it goes on: each once. Used by one thread at a time. */
final class FreezeNews {

    private static final Logger log = LoggerFactory.getLogger(MachineRecoverer.class);

    private final Set<String> frozen = new HashSet<>();

    void tellOf(List<Freeze> freezes) {
        Set<String> now = new HashSet<>();
        for (Freeze freeze : freezes) {
            now.add(freeze.scope());
            if (frozen.add(freeze.scope())) {
                log.error(
                        "Recovery of {} is frozen since {}, nothing is rebooted there: {}",
                        freeze.scope(),
                        freeze.at(),
                        Escaped.text(freeze.evidence()));
            }
        }
        frozen.removeIf(scope -> {
            boolean over = !now.contains(scope);
            if (over) {
                log.warn("Recovery of {} is no longer frozen", scope);
            }
            return over;
        });
    }

    /** Says what is frozen, or else what is held back. */
    static String describe(RecoveryOutlook seen) {
        List<String> what = seen.freezes().isEmpty()
                ? seen.heldBack()
                : seen.freezes().stream()
                        .map(freeze -> freeze.scope() + " is frozen: " + freeze.evidence())
                        .toList();
        return String.join("; ", what);
    }
}
