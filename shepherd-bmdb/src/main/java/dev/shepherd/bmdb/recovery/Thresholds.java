package dev.shepherd.bmdb.recovery;

import dev.shepherd.bmdb.RecoveryPolicy;
import java.time.Duration;

/** What follows from the settings of a policy. */
final class Thresholds {

    private Thresholds() {}

    /** Returns what decides when a machine is to be looked at, as one text. */
    static String spans(RecoveryPolicy policy) {
        return String.join(
                " ",
                policy.silentAfterStart().toString(),
                policy.silentAfterHeartbeat().toString(),
                policy.stuckAfter().toString(),
                policy.cooldown().toString(),
                Integer.toString(policy.unreachableAttempts()));
    }

    /**
     * Returns how far apart two looks may be before the time between them counts as a gap. It is never so long that an
     * agent which was heard just before can be silent at its end.
     */
    static Duration longestLookGap(RecoveryPolicy policy) {
        Duration half = policy.silentAfterHeartbeat().dividedBy(2);
        return policy.lookInterval()
                .map(interval -> interval.multipliedBy(2))
                .filter(looks -> looks.compareTo(half) > 0)
                .orElse(half);
    }

    /** Returns how many machines of so many may be in recovery at once, where the absolute limit is {@code most}. */
    static int cap(RecoveryPolicy policy, int machines, int most) {
        return Math.min(most, Math.max(1, (int) Math.floor(machines * policy.maxShare())));
    }

    /** Returns a number of machines from which on more of them do not change {@link #cap}. */
    static int enough(RecoveryPolicy policy, int most) {
        // One more, since the quotient may be a little too small.
        return (int) Math.min(Integer.MAX_VALUE, Math.ceil(most / policy.maxShare()) + 1);
    }

    /** Returns how many of so many agents have to fall silent together for recovery to freeze. */
    static int freeze(RecoveryPolicy policy, int watched) {
        // With one machine alone, its own fault cannot be told from ours, and a fleet of one must not be left frozen
        // for ever.
        if (watched < 2) {
            return Integer.MAX_VALUE;
        }
        return Math.max((int) Math.ceil(watched * policy.freezeShare()), Math.min(policy.freezeMinimum(), watched));
    }
}
