/**
 * Records the machines that a provider has, and creates those that are wanted. Start reading at {@link
 * dev.shepherd.manager.provisioning.Provisioner}.
 *
 * <ul>
 *   <li>{@link dev.shepherd.manager.provisioning.ProvisionerSettings}: settings
 *   <li>{@code Survey}: compares a listing with the records; {@link dev.shepherd.manager.provisioning.Discrepancy}:
 *       what does not fit together
 *   <li>{@link dev.shepherd.manager.provisioning.Reconciliation}, {@link
 *       dev.shepherd.manager.provisioning.ProvisioningPlan}: what a step did, and would do
 * </ul>
 */
@NullMarked
package dev.shepherd.manager.provisioning;

import org.jspecify.annotations.NullMarked;
