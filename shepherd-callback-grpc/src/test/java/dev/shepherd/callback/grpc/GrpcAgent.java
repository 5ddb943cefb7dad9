package dev.shepherd.callback.grpc;

import client.api.HeartbeatRequest;
import client.api.HeartbeatResponse;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.testkit.database.BmdbExtension;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.ByteArrayInputStream;
import java.net.InetSocketAddress;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** An agent that was built elsewhere: a machine's id, a key, and gRPC's own client. */
final class GrpcAgent implements AutoCloseable {

    static final String FIRST_NAME = "cloud.bmaas.server.api.AgentCallback";
    static final String SECOND_NAME = "cloud.agent.api.AgentCallback";

    private final UUID machineId;
    private final ManagedChannel channel;

    GrpcAgent(
            UUID machineId, @Nullable ClientKeys keys, byte[] authority, InetSocketAddress server, String... protocols)
            throws Exception {
        this.machineId = machineId;
        SslContextBuilder tls = GrpcSslContexts.configure(SslContextBuilder.forClient(), SslProvider.JDK)
                .trustManager((X509Certificate) CertificateFactory.getInstance("X.509")
                        .generateCertificate(new ByteArrayInputStream(authority)));
        if (keys != null) {
            tls.keyManager(keys.privateKey(), keys.certificate());
        }
        if (protocols.length > 0) {
            tls.protocols(protocols);
        }
        channel = NettyChannelBuilder.forAddress(server).sslContext(tls.build()).build();
    }

    /** Records a machine whose agent has this key. */
    static UUID record(BmdbExtension database, ClientKeys keys) throws Exception {
        UUID id = UUID.randomUUID();
        try (BmdbSession session = database.bmdb().startSession("test", "")) {
            session.useTransaction(tx -> {
                tx.createMachine(id);
                tx.putAgentStarted(id, keys.publicKey());
            });
        }
        return id;
    }

    static MethodDescriptor<HeartbeatRequest, HeartbeatResponse> method(String service) {
        return MethodDescriptor.<HeartbeatRequest, HeartbeatResponse>newBuilder()
                .setType(MethodType.UNARY)
                .setFullMethodName(MethodDescriptor.generateFullMethodName(service, "Heartbeat"))
                .setRequestMarshaller(ProtoUtils.marshaller(HeartbeatRequest.getDefaultInstance()))
                .setResponseMarshaller(ProtoUtils.marshaller(HeartbeatResponse.getDefaultInstance()))
                .build();
    }

    HeartbeatRequest.Builder request() {
        return HeartbeatRequest.newBuilder().setMachineId(machineId.toString());
    }

    UUID machineId() {
        return machineId;
    }

    ManagedChannel channel() {
        return channel;
    }

    HeartbeatResponse beat() {
        return send(FIRST_NAME, request());
    }

    HeartbeatResponse send(HeartbeatRequest.Builder request) {
        return send(FIRST_NAME, request);
    }

    HeartbeatResponse send(String service, HeartbeatRequest.Builder request) {
        return ClientCalls.blockingUnaryCall(
                channel, method(service), CallOptions.DEFAULT.withDeadlineAfter(30, TimeUnit.SECONDS), request.build());
    }

    @Override
    public void close() throws InterruptedException {
        channel.shutdownNow().awaitTermination(10, TimeUnit.SECONDS);
    }
}
