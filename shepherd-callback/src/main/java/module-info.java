/** Transports by which agents report. */
module dev.shepherd.callback {
    requires static micrometer.core;
    requires static transitive org.jspecify;
    requires transitive dev.shepherd.api;
    requires transitive dev.shepherd.bmdb;
    requires com.google.protobuf;
    requires dev.shepherd.agent.messages;
    requires io.netty.buffer;
    requires io.netty.codec;
    requires io.netty.codec.http;
    requires io.netty.common;
    requires io.netty.handler;
    requires io.netty.transport;
    requires java.management;
    requires jdk.management;
    requires org.slf4j;

    exports dev.shepherd.callback;
    // What a further transport is written against.
    exports dev.shepherd.callback.transport to
            dev.shepherd.callback.grpc;

    uses dev.shepherd.callback.transport.AgentTransport;
}
