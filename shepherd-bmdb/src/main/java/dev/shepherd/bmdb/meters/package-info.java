/**
 * What metrics are made of: {@link dev.shepherd.bmdb.meters.BoundMeters} are those of one object in one registry of
 * Micrometer, {@link dev.shepherd.bmdb.meters.DatabaseEvents} tells of transactions and sessions.
 */
@NullMarked
package dev.shepherd.bmdb.meters;

import org.jspecify.annotations.NullMarked;
