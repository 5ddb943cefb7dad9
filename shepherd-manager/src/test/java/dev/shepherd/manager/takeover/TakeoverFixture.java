package dev.shepherd.manager.takeover;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.shepherd.testkit.ssh.SshHost;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PublicKey;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import net.schmizz.sshj.common.Buffer;

/** What the tests of takeovers share: a key, an agent, and a look at what is left behind. */
final class TakeoverFixture {

    static final String ENDPOINT = "https://bmaas.example:8443";

    final Path folder;
    final SshCredentials key;
    final PublicKey publicKey;
    final Path agent;

    TakeoverFixture(Path folder) {
        this.folder = folder;
        key = SshCredentials.generateIfAbsent(folder.resolve("id_ed25519"));
        try {
            String[] line = key.publicKey().orElseThrow().split(" ");
            publicKey = new Buffer.PlainBuffer(Base64.getDecoder().decode(line[1])).readPublicKey();
            agent = QuickAgent.write(folder.resolve("agent"), 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    SshHost host() {
        return SshHost.builder().authorizedKey(publicKey).start();
    }

    /** Settings of a takeover that a slow build machine cannot make fail. */
    AgentTakeover.Builder settings() {
        return AgentTakeover.builder()
                .executable(agent)
                .endpoint(ENDPOINT)
                .caCertificate(TestCertificates.A.getBytes(StandardCharsets.US_ASCII))
                .credentials(key)
                .connectTimeout(Duration.ofSeconds(20));
    }

    static TakeoverTarget.Builder target(InetAddress address, int port) {
        return TakeoverTarget.builder(UUID.randomUUID(), address).port(port).name("equinix/4f2a");
    }

    static TakeoverTarget target(SshHost host) {
        return target(host.address(), host.port()).build();
    }

    /** Takes over what cannot be, and checks what every failure must tell. */
    static TakeoverException failure(AgentTakeover takeover, TakeoverTarget target) {
        TakeoverException failure = catchThrowableOfType(TakeoverException.class, () -> takeover.takeover(target));
        assertThat(failure).as("the takeover fails").isNotNull();
        assertThat(failure.machineId()).isEqualTo(target.machineId());
        assertThat(failure.address()).isEqualTo(target.address());
        assertThat(failure.port()).isEqualTo(target.port());
        assertThat(failure)
                .hasMessageStartingWith("taking over machine " + target.machineId() + " (equinix/4f2a) at "
                        + target.address().getHostAddress() + ":" + target.port() + " failed at " + failure.step()
                        + " after ");
        assertThat(failure.getMessage()).doesNotContain("\n", "null");
        assertNoThreadIsLeft();
        return failure;
    }

    /** Interrupts a takeover when it has got so far, and returns how long it went on after that. */
    static Duration interrupt(AgentTakeover takeover, TakeoverTarget target, BooleanSupplier soFar)
            throws InterruptedException, ExecutionException {
        FutureTask<Boolean> task = new FutureTask<>(() -> {
            try {
                takeover.takeover(target);
                return false;
            } catch (InterruptedException e) {
                return true;
            }
        });
        Thread caller = new Thread(task, "caller");
        caller.start();
        await().atMost(30, TimeUnit.SECONDS).until(soFar::getAsBoolean);
        long interrupted = System.nanoTime();
        caller.interrupt();
        assertThat(task.get()).as("the takeover was interrupted").isTrue();
        Duration took = Duration.ofNanos(System.nanoTime() - interrupted);
        caller.join();
        assertNoThreadIsLeft();
        return took;
    }

    /** Takeovers wait for their threads, so there is nothing to wait for here. */
    static void assertNoThreadIsLeft() {
        assertThat(threads()).isEmpty();
    }

    private static List<String> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("sshj") || name.startsWith("shepherd-takeover"))
                .toList();
    }

    static void assertNoConnectionIsLeft(SshHost host) {
        await().atMost(20, TimeUnit.SECONDS).until(() -> host.openConnections() == 0);
    }

    /** Returns the names of what is in the folder that the agent is put into. */
    static List<String> remoteFiles(SshHost host) {
        try (Stream<Path> files = Files.list(host.root().resolve("root"))) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
