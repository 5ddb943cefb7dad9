/**
 * How events are written and delivered: {@link dev.shepherd.bmdb.internal.event.EventSink} is where every transaction's
 * come through.
 */
@NullMarked
package dev.shepherd.bmdb.internal.event;

import org.jspecify.annotations.NullMarked;
