/**
 * What is being done, told while it is done, for traces: {@link dev.shepherd.bmdb.trace.Tracer} is told, and {@link
 * dev.shepherd.bmdb.trace.ObservationTracer} passes it on to Micrometer.
 */
@NullMarked
package dev.shepherd.bmdb.trace;

import org.jspecify.annotations.NullMarked;
