/** Heartbeats over the wire: {@code WireClients} are many agents' connections, {@code EndpointProcess} what they report to. */
@NullMarked
package dev.shepherd.benchmarks.wire;

import org.jspecify.annotations.NullMarked;
