package dev.shepherd.bmdb.disruption;

import dev.shepherd.api.internal.Escaped;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.UUID;

/**
 * What gates said of taking a machine down, and what became of it. Immutable.
 *
 * @param id stays the same from the first question until the machine is well again, whichever process asks; another one from when
 *     drain hooks were told how it ended
 * @param since since when it is in this state
 * @param askedAt when gates or drain hooks were last asked, or what they said was last taken back
 * @param until until when it waits: then the gates are asked again. Empty unless it is held back or drained; a time that never comes
 *     ({@link Instant#MAX}) if it is refused
 * @param deadline until when work may be moved away, or the approval is good; empty in other states
 * @param drained whether drain hooks were told that it begins, and have yet to be told how it ends
 * @param done whether it was done, and it only remains to tell drain hooks so
 * @param gate which gate holds it back; empty if none does, or if it waits for another reason
 * @param why what that gate said, or what the other reason is, for people; empty text if it does not wait
 */
public record MachineDisruption(
        UUID id,
        UUID machineId,
        DisruptionKind kind,
        DisruptionState state,
        Instant since,
        Instant askedAt,
        Optional<Instant> until,
        Optional<Instant> deadline,
        boolean drained,
        boolean done,
        Optional<String> gate,
        String why) {

    /** Makes one line of each text, in which what others say is escaped. */
    public MachineDisruption {
        gate = gate.map(Escaped::text);
        why = Escaped.text(why);
    }

    /** Tells whether the gates can be asked again: what has begun cannot be taken back. */
    public boolean mayBeTakenBack() {
        return state != DisruptionState.UNDER_WAY;
    }

    /** Says in words how far it has come. */
    public String describe() {
        return whyItWaits()
                .orElseGet(
                        () -> "its " + kind + (state == DisruptionState.APPROVED ? " is approved" : " is under way"));
    }

    /** Says in words why the machine waits, since when, and when that was last asked; empty if it does not wait. */
    public Optional<String> explain() {
        return whyItWaits()
                .map(waits -> waits + "; since " + since.truncatedTo(ChronoUnit.SECONDS)
                        + (state == DisruptionState.REFUSED
                                ? ""
                                : ", last asked at " + askedAt.truncatedTo(ChronoUnit.SECONDS)));
    }

    /** Says in words why the machine waits; empty if it does not wait. */
    public Optional<String> whyItWaits() {
        String name = gate.orElse("");
        return switch (state) {
            case HELD_BACK ->
                Optional.of(gate.isEmpty() ? why : "gate %s holds its %s back: %s".formatted(name, kind, why));
            case REFUSED -> Optional.of("gate %s refuses its %s: %s".formatted(name, kind, why));
            case DRAINING ->
                Optional.of("its %s is approved, and work is moved away until %s"
                        .formatted(kind, deadline.map(Instant::toString).orElse("it is time")));
            case APPROVED, UNDER_WAY -> Optional.empty();
        };
    }
}
