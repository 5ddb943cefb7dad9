package dev.shepherd.manager.provisioning;

import dev.shepherd.api.ProviderID;
import java.util.List;

/**
 * What a {@link Provisioner} would do now. Immutable.
 *
 * @param listed how many machines the provider lists
 * @param recorded how many machines of the provider the database has
 * @param discrepancies the machines on which the two disagree, at most 100 of each {@linkplain Discrepancy.Kind kind};
 *     while there are any, nothing else is done
 * @param discrepancyCount on how many machines the two disagree
 * @param adopt machines that were made for an intent and would be recorded now; at most 1000
 * @param resume candidates whose creation was begun and would be carried on, or waits for another try
 * @param create candidates that would be created now
 * @param outlook what would be left undone: machines that the maximum holds back, and those that cannot be used
 * @param paused why nothing would be done, if the provider is paused; empty if it is not
 */
public record ProvisioningPlan(
        int listed,
        int recorded,
        List<Discrepancy> discrepancies,
        long discrepancyCount,
        List<ProviderID> adopt,
        List<String> resume,
        List<String> create,
        ProvisioningOutlook outlook,
        List<String> paused) {

    /** Copies the lists. */
    public ProvisioningPlan {
        discrepancies = List.copyOf(discrepancies);
        adopt = List.copyOf(adopt);
        resume = List.copyOf(resume);
        create = List.copyOf(create);
        paused = List.copyOf(paused);
    }
}
