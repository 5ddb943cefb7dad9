/** The loops that keep a fleet in order: {@link dev.shepherd.manager.Shepherd} wires them together. */
@NullMarked
package dev.shepherd.manager;

import org.jspecify.annotations.NullMarked;
