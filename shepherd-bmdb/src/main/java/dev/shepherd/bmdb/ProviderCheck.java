package dev.shepherd.bmdb;

/**
 * A machine that the updater is to look at. Immutable.
 *
 * @param machine what the database has of it
 * @param inRecovery whether it was acted on and has not been heard since
 */
public record ProviderCheck(ProvidedMachine machine, boolean inRecovery) {}
