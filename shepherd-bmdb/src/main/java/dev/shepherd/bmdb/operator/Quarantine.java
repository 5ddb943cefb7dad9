package dev.shepherd.bmdb.operator;

import java.time.Instant;

/**
 * The Quarantine tag of a machine: no loop touches it until it is released. Immutable.
 *
 * @param at since when
 * @param by who quarantined it: {@code recoverer}, or the name that an operator gave
 * @param cause why, for people
 */
public record Quarantine(Instant at, String by, String cause) {}
