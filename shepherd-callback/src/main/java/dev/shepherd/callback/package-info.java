/**
 * Transports by which agents report. {@link dev.shepherd.callback.AgentEndpoint} takes signed requests over HTTP; start
 * reading there.
 *
 * <ul>
 *   <li>{@link dev.shepherd.callback.AgentEndpointLimits}: what a connection, an address and a machine may take
 *   <li>{@link dev.shepherd.callback.AgentEndpointStatus}: what became of connections and requests
 *   <li>{@link dev.shepherd.callback.AgentEndpointMetrics}: the same for Micrometer, which is optional
 *   <li>{@code AgentServer}, {@code AgentConnection}, {@code Connections}: the HTTP side, on Netty
 *   <li>{@code TransportPeer}: a connection by another {@code AgentTransport}, which is gRPC
 *   <li>{@code AgentCalls}, {@code FairQueue}, {@code Allowance}: who may call how often, and who comes next; they know
 *       nothing of HTTP
 * </ul>
 */
@NullMarked
package dev.shepherd.callback;

import org.jspecify.annotations.NullMarked;
