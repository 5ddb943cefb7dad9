package dev.shepherd.manager;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.RecoveryOutlook;
import dev.shepherd.manager.provisioning.Discrepancy;
import dev.shepherd.manager.provisioning.ProvisioningOutlook;
import dev.shepherd.manager.status.LoopStatus;
import java.util.List;
import java.util.Map;

/**
 * What a {@link Shepherd} is doing. A snapshot; immutable.
 *
 * @param loops the state of every loop, provider by provider
 * @param discrepancies the machines on which a provider and the database disagree, by provider, at most 100 of each
 *     {@linkplain Discrepancy.Kind kind}; while there are any, nothing is provisioned for that provider
 * @param discrepancyCounts on how many machines they disagree, by provider
 * @param provisioning what each provider's last reconciliation left undone: machines that the maximum holds back, and
 *     those that cannot be used
 * @param recovery what each provider's recoverer looked at last: what has to wait, and what is frozen
 */
public record ShepherdStatus(
        List<LoopStatus> loops,
        Map<ProviderType, List<Discrepancy>> discrepancies,
        Map<ProviderType, Long> discrepancyCounts,
        Map<ProviderType, ProvisioningOutlook> provisioning,
        Map<ProviderType, RecoveryOutlook> recovery) {

    /** Copies list and maps. */
    public ShepherdStatus {
        loops = List.copyOf(loops);
        discrepancies = Map.copyOf(discrepancies);
        discrepancyCounts = Map.copyOf(discrepancyCounts);
        provisioning = Map.copyOf(provisioning);
        recovery = Map.copyOf(recovery);
    }
}
