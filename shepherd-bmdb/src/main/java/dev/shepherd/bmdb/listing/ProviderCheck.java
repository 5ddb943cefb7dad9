package dev.shepherd.bmdb.listing;

import dev.shepherd.bmdb.ProvidedMachine;

/**
 * What the updater compares with what the provider says of a machine. Immutable.
 *
 * @param machine what the database has of it
 * @param inRecovery whether there was an attempt to recover it, and it has not been heard since
 * @param due whether the time has come to look at it
 * @param failures how often in a row the provider could not describe it
 */
public record ProviderCheck(ProvidedMachine machine, boolean inRecovery, boolean due, int failures) {}
