/**
 * The say that an embedding program has before a machine goes down: {@link dev.shepherd.manager.disruption.DisruptionGate} approves,
 * holds back or refuses, {@link dev.shepherd.manager.disruption.DrainHook} moves work away, and {@link
 * dev.shepherd.manager.disruption.DisruptionSettings} collects them. Ready-made gates are {@link
 * dev.shepherd.manager.disruption.TimeWindows} and {@link dev.shepherd.manager.disruption.DisruptionBudget}.
 */
@NullMarked
package dev.shepherd.manager.disruption;

import org.jspecify.annotations.NullMarked;
