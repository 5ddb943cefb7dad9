package com.example.fleet;

import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentTls;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.provider.staticlist.StaticProviderFactory;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/** A program that runs a fleet of its own: everything that it takes to embed the library. */
public final class Fleet {

    private Fleet() {}

    /**
     * Runs until the process is ended. Arguments: JDBC URL, list of machines, agent, private key, and the address of this
     * host that agents reach.
     */
    public static void main(String[] args) throws InterruptedException {
        InetSocketAddress listen = new InetSocketAddress(args[4], AgentEndpoint.DEFAULT_PORT);
        run(args[0], Path.of(args[1]), Path.of(args[2]), Path.of(args[3]), listen, new CountDownLatch(1));
    }

    // tag::embedding[]
    static void run(String jdbcUrl, Path list, Path agent, Path key, InetSocketAddress listen, CountDownLatch stop)
            throws InterruptedException {
        ProviderFactory factory = new StaticProviderFactory();
        Map<String, String> properties = Map.of("list", list.toUri().toString());
        AgentTls tls =
                AgentTls.builder().folder(key.resolveSibling("agent-tls")).build();
        try (Bmdb bmdb = Bmdb.open(jdbcUrl);
                AgentCallback callback = AgentCallback.of(bmdb);
                AgentEndpoint endpoint = AgentEndpoint.builder()
                        .callback(callback)
                        .address(listen)
                        .tls(tls)
                        .build();
                Provider provider =
                        factory.create(ProviderConfig.of(factory, new ProviderType("lab-racks"), properties));
                Shepherd shepherd = Shepherd.builder()
                        .bmdb(bmdb)
                        .provider(provider)
                        .takeover(AgentTakeover.builder()
                                .executable(agent)
                                .credentials(SshCredentials.generateIfAbsent(key))
                                .endpoint(AgentEndpoint.url(listen, true))
                                .caCertificate(tls.caCertificate().orElseThrow())
                                .build())
                        .build()) {
            callback.start();
            endpoint.start();
            shepherd.start();
            stop.await();
        }
    }
    // end::embedding[]
}
