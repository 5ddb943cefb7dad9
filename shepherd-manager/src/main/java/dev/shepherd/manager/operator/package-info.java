/**
 * Reboots and reinstalls a machine because an operator wants it: {@code Intervention}, and {@link
 * dev.shepherd.manager.operator.InterventionException} for why that was not done.
 */
@NullMarked
package dev.shepherd.manager.operator;

import org.jspecify.annotations.NullMarked;
