/**
 * A fleet as people look at it: {@link dev.shepherd.bmdb.fleet.Fleet} counts its machines by what they are and shows them page by
 * page, {@link dev.shepherd.bmdb.fleet.MachineState} says what a machine can be,
 * {@link dev.shepherd.bmdb.fleet.FleetMetrics} shows the counts to a monitoring system.
 */
@NullMarked
package dev.shepherd.bmdb.fleet;

import org.jspecify.annotations.NullMarked;
