/**
 * gRPC, as agents of the system that this one follows speak it. {@code GrpcTransport} is found by the endpoint and makes a
 * {@code GrpcConnection} for each connection; start reading there. {@code Heartbeat} is the one call's messages.
 * Nothing here is for embedders: {@code AgentEndpoint.Builder.grpcAddress} is.
 */
@NullMarked
package dev.shepherd.callback.grpc;

import org.jspecify.annotations.NullMarked;
