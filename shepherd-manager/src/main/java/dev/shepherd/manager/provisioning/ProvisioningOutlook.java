package dev.shepherd.manager.provisioning;

import java.util.List;

/**
 * What a reconciliation left undone of what the provider lists. Immutable.
 *
 * @param heldBack how many free machines are held back by {@link ProvisionerSettings#maxCount()}
 * @param passedOver how many listed machines cannot be used, since they break a rule or are free and have neither an id
 *     nor a reservation id
 * @param passedOverBecause what is wrong with these, at most 103 lines, for people
 */
public record ProvisioningOutlook(long heldBack, long passedOver, List<String> passedOverBecause) {

    /** Copies the list. */
    public ProvisioningOutlook {
        passedOverBecause = List.copyOf(passedOverBecause);
    }
}
