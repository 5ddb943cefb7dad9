package dev.shepherd.callback.transport;

import io.netty.channel.ChannelPipeline;

/**
 * A protocol that agents can speak beside HTTP, over TLS and on a port of its own: how requests are read from a
 * connection, and how answers are written. Who may call, how often, and what a connection may take is decided by the
 * endpoint. Found by {@link java.util.ServiceLoader}; used by several threads.
 */
public interface AgentTransport {

    /** Returns the name that TLS clients know the protocol by (ALPN, RFC 7301). */
    String protocol();

    /**
     * Adds its handlers to a new connection, behind those of TLS. The connection reads as bytes arrive.
     *
     * @param peer the other side, for as long as the connection lasts
     */
    void init(ChannelPipeline pipeline, AgentPeer peer);
}
