/**
 * The loops that keep a fleet in order. Start reading at {@link dev.shepherd.manager.Shepherd}, which wires them
 * together.
 *
 * <ul>
 *   <li>{@link dev.shepherd.manager.ProviderSettings}: what holds for one provider alone
 *   <li>{@code Flock}: the loops of one provider; {@code ThreadNeeds}: measures an embedder's executor at the start
 *   <li>{@link dev.shepherd.manager.ShepherdStatus}, {@link dev.shepherd.manager.ShepherdMetrics}, {@link
 *       dev.shepherd.manager.Plan}: what the loops did, count, and would do
 * </ul>
 *
 * <p>Each loop has a package: {@link dev.shepherd.manager.provisioning}, {@link dev.shepherd.manager.takeover} (the
 * initializer), {@link dev.shepherd.manager.recovery} and {@link dev.shepherd.manager.listing} (the updater). What an
 * operator has done to one machine is in {@link dev.shepherd.manager.operator}. All of these rest on {@code internal}.
 */
@NullMarked
package dev.shepherd.manager;

import org.jspecify.annotations.NullMarked;
