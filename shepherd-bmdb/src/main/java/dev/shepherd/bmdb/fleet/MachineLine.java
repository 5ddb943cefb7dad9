package dev.shepherd.bmdb.fleet;

import dev.shepherd.bmdb.ProvidedMachine;
import java.time.Instant;
import java.util.Optional;

/**
 * A machine as one line of a list. Immutable.
 *
 * @param machine what the provider says of it
 * @param state what it is to the people who run it
 * @param heardAt when its agent was last heard, if it has one that was
 * @param since since when it is quarantined, worked on, being brought back, or has its agent; empty where that is not known
 * @param until when the next attempt is made, if a failure put it off
 * @param cause why it is quarantined, or why the last takeover failed; text of others, not escaped
 */
public record MachineLine(
        ProvidedMachine machine,
        MachineState state,
        Optional<Instant> heardAt,
        Optional<Instant> since,
        Optional<Instant> until,
        Optional<String> cause) {}
