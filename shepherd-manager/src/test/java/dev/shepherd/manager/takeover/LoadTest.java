package dev.shepherd.manager.takeover;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.testkit.ssh.SshHost;
import dev.shepherd.testkit.ssh.SshHosts;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Takeovers by the hundred, and large ones, in JVMs with little memory. */
class LoadTest {

    @Test
    @Tag("slow")
    void twoHundredMachinesAreTakenOverAtOnceWithin512Mebibytes(@TempDir Path folder) throws Exception {
        String printed =
                ChildJvm.run(folder.resolve("output"), List.of("-Xmx512m"), Many.class, folder.toString(), "200");

        assertThat(printed).contains("200 machines in ");
        System.out.print(printed.substring(printed.indexOf("200 machines in ")));
    }

    @Test
    @Tag("slow")
    void anExecutableOf100MegabytesIsNotHeldInMemory(@TempDir Path folder) throws Exception {
        Path agent = QuickAgent.write(folder.resolve("large"), 100_000_000);
        try (OpenSshServer server = new OpenSshServer(
                folder,
                List.of(SshCredentials.generateIfAbsent(folder.resolve("id_ed25519"))
                        .publicKey()
                        .orElseThrow()),
                "Subsystem sftp internal-sftp")) {
            String printed = ChildJvm.run(
                    folder.resolve("output"),
                    List.of("-Xmx32m"),
                    Large.class,
                    folder.toString(),
                    agent.toString(),
                    Integer.toString(server.port()));

            assertThat(printed).contains("TakeoverResult");
            System.out.print(printed.substring(printed.indexOf("TakeoverResult")));
        }
    }

    /** Takes machines over, all at once; their SSH servers are in the same JVM. */
    static final class Many {

        private Many() {}

        public static void main(String[] arguments) throws Exception {
            Path folder = Path.of(arguments[0]);
            int machines = Integer.parseInt(arguments[1]);
            TakeoverFixture fixture = new TakeoverFixture(folder);
            AgentTakeover takeover = fixture.settings()
                    .executable(QuickAgent.write(folder.resolve("agent"), 1_000_000))
                    .totalTimeout(Duration.ofMinutes(3))
                    .build();
            ExecutorService callers = Executors.newFixedThreadPool(machines);
            try (SshHosts hosts = SshHosts.start()) {
                List<SshHost> all = new ArrayList<>();
                for (int i = 0; i < machines; i++) {
                    all.add(SshHost.builder()
                            .authorizedKey(fixture.publicKey)
                            .hosts(hosts)
                            .start());
                }
                CyclicBarrier together = new CyclicBarrier(machines);
                long start = System.nanoTime();
                List<Future<TakeoverResult>> results = new ArrayList<>();
                for (SshHost host : all) {
                    results.add(callers.submit(() -> {
                        together.await();
                        return takeover.takeover(TakeoverFixture.target(host));
                    }));
                }
                Duration slowest = Duration.ZERO;
                for (Future<TakeoverResult> result : results) {
                    Duration elapsed = result.get().elapsed();
                    slowest = elapsed.compareTo(slowest) > 0 ? elapsed : slowest;
                }
                System.out.printf(
                        "%d machines in %.1f s, the slowest in %.1f s%n",
                        machines, (System.nanoTime() - start) / 1e9, slowest.toMillis() / 1e3);
            } finally {
                callers.shutdownNow();
            }
            TakeoverFixture.assertNoThreadIsLeft();
        }
    }

    /** Takes one machine over with a large executable. */
    static final class Large {

        private Large() {}

        public static void main(String[] arguments) throws Exception {
            Path folder = Path.of(arguments[0]);
            AgentTakeover takeover = new TakeoverFixture(folder)
                    .settings()
                    .user(OpenSshServer.USER)
                    .executable(Path.of(arguments[1]))
                    .remotePath(folder.resolve("uploaded").toString())
                    .build();
            int port = Integer.parseInt(arguments[2]);
            System.out.println(takeover.takeover(TakeoverFixture.target(InetAddress.getLoopbackAddress(), port)
                    .build()));
        }
    }
}
