/**
 * What the endpoint of agents and the modules with further transports agree on. An {@code AgentTransport} reads and
 * writes a protocol; an {@code AgentPeer} is what the endpoint gives it for each connection.
 */
@NullMarked
package dev.shepherd.callback.transport;

import org.jspecify.annotations.NullMarked;
