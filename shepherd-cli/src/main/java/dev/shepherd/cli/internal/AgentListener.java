package dev.shepherd.cli.internal;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.agent.AgentCallbackConfig;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentEndpointLimits;
import dev.shepherd.callback.AgentTls;
import dev.shepherd.cli.settings.EndpointSettings;
import java.net.InetSocketAddress;
import java.util.Collection;

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

    /** Listens at an address. */
    public static AgentListener start(Bmdb bmdb, InetSocketAddress address, AgentTls tls, AgentEndpointLimits limits) {
        return start(
                AgentCallback.of(bmdb),
                AgentEndpoint.builder().address(address).tls(tls).limits(limits));
    }

    /**
     * Listens as settings say.
     *
     * @param names what agents reach it by
     */
    public static AgentListener start(
            Bmdb bmdb, EndpointSettings settings, Collection<String> names, AgentCallbackConfig config) {
        return start(AgentCallback.of(bmdb, config), settings.on(AgentEndpoint.builder(), names));
    }

    private static AgentListener start(AgentCallback callback, AgentEndpoint.Builder settings) {
        AgentEndpoint endpoint = settings.callback(callback).build();
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
