package dev.shepherd.manager;

import dev.shepherd.bmdb.PlannedRecovery;
import dev.shepherd.manager.provisioning.ProvisioningPlan;

/**
 * What the loops that act on a provider would do now. Immutable.
 *
 * @param provisioning what the provisioner would do
 * @param recovery what the recoverer would do
 */
public record Plan(ProvisioningPlan provisioning, PlannedRecovery recovery) {}
