package dev.shepherd.callback.grpc;

import dev.shepherd.callback.transport.AgentPeer;
import dev.shepherd.callback.transport.AgentTransport;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http2.Http2FrameCodec;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2Settings;

/** HTTP/2, with one call at a time on a connection. Safe for use by several threads. */
public final class GrpcTransport implements AgentTransport {

    /** An agent has one call under way. A client keeps others back until it has its answer. */
    private static final int MOST_STREAMS = 1;

    private static final int MOST_BEFORE_SETTINGS = 100;
    private static final int MOST_HEADER_BYTES = 8192;

    /** How many answers to pings and the like may wait for a client that does not read. */
    private static final int MOST_CONTROL_FRAMES = 100;

    /** How many calls a client may give up within the time. */
    private static final int MOST_RESETS = 100;

    private static final int RESETS_SECONDS = 30;

    /** Is made by {@link java.util.ServiceLoader}. */
    public GrpcTransport() {}

    @Override
    public String protocol() {
        return "h2";
    }

    @Override
    public void init(ChannelPipeline pipeline, AgentPeer peer) {
        Http2FrameCodec codec = Http2FrameCodecBuilder.forServer()
                .initialSettings(Http2Settings.defaultSettings()
                        .maxConcurrentStreams(MOST_STREAMS)
                        .maxHeaderListSize(MOST_HEADER_BYTES))
                .encoderEnforceMaxQueuedControlFrames(MOST_CONTROL_FRAMES)
                .decoderEnforceMaxRstFramesPerWindow(MOST_RESETS, RESETS_SECONDS)
                // Who closes a connection has waited long enough.
                .gracefulShutdownTimeoutMillis(0)
                .build();
        // The codec takes a call beyond the limit, of a client that has not heard of it yet, for a breach of the
        // protocol.
        // Here it is refused, and the client makes it again.
        codec.connection().remote().maxActiveStreams(MOST_BEFORE_SETTINGS);
        pipeline.addLast(codec, new GrpcConnection(peer));
    }
}
