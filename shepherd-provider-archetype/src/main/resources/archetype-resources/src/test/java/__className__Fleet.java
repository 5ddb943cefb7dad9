package ${package};

import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.postgres.PostgresServer;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.ssh.SshHost;
import dev.shepherd.testkit.ssh.SshHosts;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/** A fleet on the provider: a controller, servers that run real SSH, a database, and the manager. */
public final class ${className}Fleet {

    private static final Duration LIMIT = Duration.ofMinutes(3);

    private ${className}Fleet() {}

    /** Runs until the agent of every server is started. The argument is how many there are: 5 without one. */
    public static void main(String[] args) throws Exception {
        int count = args.length == 0 ? 5 : Integer.parseInt(args[0]);
        Path folder = Files.createTempDirectory("fleet");
        SshCredentials credentials = SshCredentials.generateIfAbsent(folder.resolve("id_ed25519"));
        Path agent = TestAgent.write(folder.resolve("agent"));
        try (SshHosts hosts = SshHosts.start();
                ${className}ControllerServer controller = ${className}ControllerServer.start();
                PostgresServer postgres = PostgresServer.startTemporary()) {
            for (int i = 0; i < count; i++) {
                SshHost host = SshHost.builder()
                        .hosts(hosts)
                        .authorizedKey(credentials.publicKey().orElseThrow())
                        .start();
                controller.addServer(host.address(), host.port());
            }
            run(controller, postgres.createDatabase("fleet"), agent, credentials, count);
        }
    }

    private static void run(
            ${className}ControllerServer controller, String jdbcUrl, Path agent, SshCredentials credentials, int count)
            throws InterruptedException {
        ProviderFactory factory = new ${className}ProviderFactory();
        ProviderConfig config = ProviderConfig.of(
                factory,
                new ProviderType("${kind}"),
                Map.of("controller", controller.uri().toString(), "token", ${className}ControllerServer.TOKEN));
        try (Bmdb bmdb = Bmdb.open(jdbcUrl);
                Provider provider = factory.create(config);
                Shepherd shepherd = Shepherd.builder()
                        .bmdb(bmdb)
                        .provider(provider)
                        .takeover(AgentTakeover.builder()
                                .executable(agent)
                                .credentials(credentials)
                                .endpoint("http://shepherd.example.com:7834")
                                .build())
                        // Sooner than a fleet that runs unattended needs it.
                        .provisioner(ProvisionerSettings.builder()
                                .interval(Duration.ofSeconds(1))
                                .creationInterval(Duration.ZERO)
                                .build())
                        .initializer(InitializerSettings.builder()
                                .pollInterval(Duration.ofSeconds(1))
                                .build())
                        .build()) {
            shepherd.start();
            awaitAgents(bmdb, controller, count);
        }
    }

    private static void awaitAgents(Bmdb bmdb, ${className}ControllerServer controller, int count) throws InterruptedException {
        long start = System.nanoTime();
        long before = -1;
        while (before < count) {
            long started = Operator.of(bmdb).statistics().agentStarted();
            if (started != before) {
                System.out.println(started + " of " + count + " servers have their agent started");
                before = started;
            }
            if (System.nanoTime() - start > LIMIT.toNanos()) {
                throw new IllegalStateException("not all agents were started within " + LIMIT.toSeconds() + " s");
            }
            Thread.sleep(200);
            controller.finishDeployments();
        }
    }
}
