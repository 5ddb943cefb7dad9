package dev.shepherd.bmdb.fleet;

import dev.shepherd.bmdb.ProvidedMachine;
import java.time.Instant;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A machine as one line of a list. Immutable.
 *
 * @param machine what the provider says of it
 * @param state what it is to the people who run it
 * @param heardAt when its agent was last heard, if it has one that was
 * @param since since when it is quarantined, held back, worked on, being brought back, or has its agent; empty where that is not known
 * @param until when the next attempt is made, if a failure or a gate postponed it
 * @param cause why it is quarantined or held back, or why the last takeover failed; text of others, not escaped
 * @param labels its labels that are in force, in the order of their keys
 */
public record MachineLine(
        ProvidedMachine machine,
        MachineState state,
        Optional<Instant> heardAt,
        Optional<Instant> since,
        Optional<Instant> until,
        Optional<String> cause,
        Map<String, String> labels) {

    /** Copies the labels. */
    public MachineLine {
        labels = labels.isEmpty() ? Map.of() : Collections.unmodifiableMap(new TreeMap<>(labels));
    }
}
