/**
 * What happens to the fleet, as values: a {@link dev.shepherd.bmdb.event.ShepherdEvent} has an
 * {@link dev.shepherd.bmdb.event.EventKind}; a {@link dev.shepherd.bmdb.event.ShepherdListener} is told of those of this
 * process. {@link dev.shepherd.bmdb.feed} reads those of all.
 */
@NullMarked
package dev.shepherd.bmdb.event;

import org.jspecify.annotations.NullMarked;
