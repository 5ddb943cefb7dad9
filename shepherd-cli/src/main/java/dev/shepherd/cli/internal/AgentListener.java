package dev.shepherd.cli.internal;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentEndpointLimits;
import java.net.InetSocketAddress;

/** Where agents report to while a command runs: an endpoint and what takes its calls. */
public final class AgentListener implements AutoCloseable {

    /** How many connections to the database it takes at most. */
    public static final int CONNECTIONS = 4;

    private final AgentCallback callback;
    private final AgentEndpoint endpoint;

    private AgentListener(AgentCallback callback, AgentEndpoint endpoint) {
        this.callback = callback;
        this.endpoint = endpoint;
    }

    public static AgentListener start(Bmdb bmdb, InetSocketAddress address, AgentEndpointLimits limits) {
        AgentCallback callback = AgentCallback.of(bmdb);
        AgentEndpoint endpoint = AgentEndpoint.builder()
                .callback(callback)
                .address(address)
                .limits(limits)
                .build();
        AgentListener listener = new AgentListener(callback, endpoint);
        try {
            callback.start();
            endpoint.start();
            return listener;
        } catch (RuntimeException e) {
            listener.close();
            throw e;
        }
    }

    public String url() {
        return endpoint.url();
    }

    AgentCallback callback() {
        return callback;
    }

    AgentEndpoint endpoint() {
        return endpoint;
    }

    @Override
    public void close() {
        // First the calls, since requests wait for them.
        callback.close();
        endpoint.close();
    }
}
