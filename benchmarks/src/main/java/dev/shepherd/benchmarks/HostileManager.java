package dev.shepherd.benchmarks;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.manager.takeover.SshCredentials;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** A manager in a JVM of its own, which takes machines over and hears agents until its standard input ends. */
final class HostileManager {

    /** So short that hostile machines come back again and again. */
    private static final Backoff BACKOFF = Backoff.builder()
            .initial(Duration.ofSeconds(1))
            .exponent(1.5)
            .maximum(Duration.ofSeconds(10))
            .build();

    private static final long BEAT_MILLIS = 50;

    private HostileManager() {}

    /**
     * Runs it.
     *
     * @param args the provider, the private key, the agent, the user, where the agent is put, the ports of hostile machines,
     *     and the machines that beat; the URL of the database is in the environment
     */
    public static void main(String[] args) throws Exception {
        Thread work = Thread.currentThread();
        Thread watch = new Thread(() -> awaitEndOfInput(work), "end of input");
        watch.setDaemon(true);
        watch.start();
        List<UUID> beating = List.of(args).subList(6, args.length).stream()
                .map(UUID::fromString)
                .toList();
        AgentTakeover.Builder takeover = AgentTakeover.builder()
                .executable(Path.of(args[2]))
                .endpoint(LightAgent.endpoint())
                .caCertificate(LightAgent.caCertificate())
                .user(args[3])
                .remotePath(args[4]);
        AgentTakeover byKey = takeover.credentials(SshCredentials.privateKey(Path.of(args[1])))
                .build();
        AgentTakeover byPassword = takeover.credentials(SshCredentials.password("any".toCharArray()))
                .build();
        Set<String> hostile = Set.of(args[5].split(","));
        Latencies latencies = new Latencies();
        try (Bmdb bmdb = Bmdb.open(System.getenv("HOSTILE_JDBC_URL"));
                AgentCallback callback = AgentCallback.of(bmdb);
                Shepherd shepherd = Shepherd.builder()
                        .bmdb(bmdb)
                        .provider(new EmptyProvider(new ProviderType(args[0])))
                        .takeover(target -> (hostile.contains(Integer.toString(target.port())) ? byPassword : byKey)
                                .takeover(target))
                        .initializer(InitializerSettings.builder()
                                .backoff(BACKOFF)
                                .maxFailures(10)
                                .pollInterval(Duration.ofSeconds(1))
                                .build())
                        .loops(Set.of(LoopKind.INITIALIZER))
                        .build()) {
            callback.start();
            shepherd.start();
            byte[] key = LightAgent.answer(LightAgent.init(new UUID(1, 2)))
                    .getSuccess()
                    .getKey()
                    .toByteArray();
            for (int i = 0; ; i = (i + 1) % beating.size()) {
                long calledAt = System.nanoTime();
                callback.callAsync(AgentCall.of(beating.get(i), key)).whenComplete((reply, refused) -> {
                    // A machine that is being taken over has no agent.
                    if (refused == null) {
                        latencies.add(System.nanoTime() - calledAt);
                    }
                });
                TimeUnit.MILLISECONDS.sleep(BEAT_MILLIS);
            }
        } catch (InterruptedException e) {
            System.out.printf(Locale.ROOT, "BEATS %d %.1f%n", latencies.count(), latencies.millis(0.99));
        }
        System.exit(0);
    }

    private static void awaitEndOfInput(Thread work) {
        try {
            while (System.in.read() >= 0) {
                // Nothing is ever said.
            }
        } catch (IOException e) {
            // It has ended.
        }
        work.interrupt();
    }
}
