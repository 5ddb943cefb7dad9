package dev.shepherd.bmdb.fleet;

import dev.shepherd.api.ProviderType;
import java.time.Instant;

/**
 * The counts of a provider at one moment, and what ended on its machines since the sample before. Immutable.
 *
 * @param at when, by the database's clock
 * @param provider the provider
 * @param machines how many machines it had
 * @param up how many of them were {@link MachineState#UP}
 * @param recovering how many were {@link MachineState#RECOVERING}
 * @param quarantined how many were {@link MachineState#QUARANTINED}
 * @param takeovers how many takeovers ended well since the sample before
 * @param recoveries how many recoveries (reboots, restarts of the agent, reinstallations) were carried out since then
 * @param failures how many takeovers and recoveries failed, or were lost, since then
 */
public record FleetSample(
        Instant at,
        ProviderType provider,
        long machines,
        long up,
        long recovering,
        long quarantined,
        long takeovers,
        long recoveries,
        long failures) {}
