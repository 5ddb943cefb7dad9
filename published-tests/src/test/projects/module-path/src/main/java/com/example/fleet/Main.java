package com.example.fleet;

import dev.shepherd.bmdb.operator.Operator;

import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentTls;
import dev.shepherd.manager.status.LoopStatus;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.postgres.PostgresServer;
import dev.shepherd.web.WebConsole;
import dev.shepherd.web.http.WebRequest;
import dev.shepherd.web.http.WebResponse;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;

/** Records a machine, and tries to take it over where nothing answers: all modules have something to do. */
public final class Main {

    private static final Duration LIMIT = Duration.ofMinutes(2);

    private Main() {}

    /** The argument is a folder to work in. */
    public static void main(String[] args) throws Exception {
        Path folder = Path.of(args[0]);
        System.out.println("named: " + Shepherd.class.getModule().isNamed());
        List<ProviderFactory> factories = ServiceLoader.load(ProviderFactory.class).stream()
                .map(ServiceLoader.Provider::get)
                .toList();
        System.out.println(
                "kinds: " + factories.stream().map(ProviderFactory::kind).sorted().toList());
        ProviderFactory factory = factories.stream()
                .filter(one -> one.kind().equals("static"))
                .findFirst()
                .orElseThrow();
        Path list = Files.writeString(
                folder.resolve("machines.json"), "[{\"ID\": \"one\", \"Addr\": \"127.0.0.1\", \"SSHPort\": 1}]");
        Path agent = Files.writeString(folder.resolve("agent"), "#!/bin/sh\n");
        ProviderConfig config = ProviderConfig.of(
                factory, new ProviderType("static"), Map.of("list", list.toUri().toString()));
        try (PostgresServer postgres = PostgresServer.startTemporary();
                Bmdb bmdb = Bmdb.open(postgres.createDatabase("fleet"));
                AgentCallback callback = AgentCallback.of(bmdb);
                AgentEndpoint endpoint = AgentEndpoint.builder()
                        .callback(callback)
                        .address(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                        .build();
                AgentEndpoint grpc = AgentEndpoint.builder()
                        .callback(callback)
                        .http(false)
                        .grpcAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                        .tls(AgentTls.builder().folder(folder.resolve("tls")).build())
                        .build();
                Provider provider = factory.create(config);
                Shepherd shepherd = Shepherd.builder()
                        .bmdb(bmdb)
                        .provider(provider)
                        .takeover(AgentTakeover.builder()
                                .executable(agent)
                                .credentials(SshCredentials.generateIfAbsent(folder.resolve("key")))
                                .endpoint("http://shepherd.example.com:7834")
                                .build())
                        .provisioner(ProvisionerSettings.builder().creationInterval(Duration.ZERO).build())
                        .build()) {
            callback.start();
            endpoint.start();
            HttpURLConnection asked = (HttpURLConnection)
                    URI.create(endpoint.url() + AgentEndpoint.PATH).toURL().openConnection();
            System.out.println("endpoint: " + asked.getResponseCode());
            grpc.start();
            System.out.println("gRPC: " + grpc.status().listening());
            try (WebConsole console =
                    WebConsole.builder().bmdb(bmdb).shepherd(shepherd).build()) {
                WebResponse page = console.handle(
                        new WebRequest("GET", "/", "", Map.of("Host", "localhost"), new byte[0], false));
                System.out.println("page: " + page.status());
            }
            shepherd.start();
            long start = System.nanoTime();
            while (shepherd.status().loops().stream().allMatch(Main::isWell)) {
                if (System.nanoTime() - start > LIMIT.toNanos()) {
                    throw new IllegalStateException("no takeover was tried: " + shepherd.status());
                }
                Thread.sleep(50);
            }
            System.out.println("recorded: " + Operator.of(bmdb).statistics().provided());
            shepherd.status().loops().forEach(loop -> loop.lastError()
                    .ifPresent(error -> System.out.println("failed: " + error.message())));
        }
    }

    private static boolean isWell(LoopStatus loop) {
        return loop.lastError().isEmpty();
    }
}
