/** gRPC for the endpoint that agents report to. It is used where it is present: there is nothing to call. */
module dev.shepherd.callback.grpc {
    requires static org.jspecify;
    requires com.google.protobuf;
    requires dev.shepherd.bmdb;
    requires dev.shepherd.callback;
    requires io.netty.buffer;
    requires io.netty.codec;
    requires io.netty.codec.http2;
    requires io.netty.common;
    requires io.netty.transport;

    provides dev.shepherd.callback.transport.AgentTransport with
            dev.shepherd.callback.grpc.GrpcTransport;
}
