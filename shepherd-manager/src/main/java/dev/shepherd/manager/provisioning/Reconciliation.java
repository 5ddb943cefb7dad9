package dev.shepherd.manager.provisioning;

import dev.shepherd.api.ProviderID;
import java.util.List;

/**
 * What one reconciliation of a {@link Provisioner} did. Immutable.
 *
 * @param listed how many machines the provider listed
 * @param recorded how many machines of the provider the database had before it
 * @param created the machines that were created and recorded
 * @param adopted the machines that were found made by an intent whose record was cut short, and recorded
 * @param failed how many creations failed and are tried again, or were given up
 */
public record Reconciliation(int listed, int recorded, List<ProviderID> created, List<ProviderID> adopted, int failed) {

    /** Copies the lists. */
    public Reconciliation {
        created = List.copyOf(created);
        adopted = List.copyOf(adopted);
    }
}
