/**
 * Finds out what a machine is made of. Start at {@link dev.shepherd.agent.inventory.Inventory}; the other classes
 * each read one kind of part, by {@code SystemFiles}, which bounds what reading can cost, and {@code Tools}, which
 * bounds programs.
 */
@NullMarked
package dev.shepherd.agent.inventory;

import org.jspecify.annotations.NullMarked;
