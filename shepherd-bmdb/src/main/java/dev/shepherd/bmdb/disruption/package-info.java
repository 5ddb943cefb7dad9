/**
 * What gates say of taking machines down: {@link dev.shepherd.bmdb.disruption.MachineDisruption}, as the database has it. The gates
 * themselves are asked by the manager, whose package of the same name has them.
 */
@NullMarked
package dev.shepherd.bmdb.disruption;

import org.jspecify.annotations.NullMarked;
