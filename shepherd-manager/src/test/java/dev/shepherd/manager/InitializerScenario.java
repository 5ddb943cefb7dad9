package dev.shepherd.manager;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.WorkEvent;
import dev.shepherd.bmdb.WorkHistoryEntry;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import dev.shepherd.testkit.ssh.SshHost;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** An initializer, and machines for it to take over. */
abstract class InitializerScenario {

    static final ProviderType TYPE = new ProviderType("lab");
    static final Duration LIMIT = Duration.ofSeconds(30);

    @RegisterExtension
    final BmdbExtension database =
            BmdbExtension.create(config -> settings(config.sessionInterval(Duration.ofSeconds(10))));

    @TempDir
    Path folder;

    private final AtomicInteger machines = new AtomicInteger();

    final FakeProvider provider = FakeProvider.create(TYPE);

    /** Adds settings of the database. */
    BmdbConfig.Builder settings(BmdbConfig.Builder config) {
        return config;
    }

    SshHost host() {
        return SshHost.builder()
                .authorizedKey(credentials().publicKey().orElseThrow())
                .start();
    }

    private SshCredentials credentials() {
        return SshCredentials.generateIfAbsent(folder.resolve("id_ed25519"));
    }

    AgentTakeover ssh(Duration limit) {
        return AgentTakeover.builder()
                .executable(TestAgent.write(folder.resolve("agent")))
                .credentials(credentials())
                .endpoint("https://fleet.example:7834")
                .totalTimeout(limit)
                .build();
    }

    Shepherd shepherd(MachineTakeover takeover) {
        return shepherd(takeover, InitializerSettings.DEFAULT.maxFailures());
    }

    Shepherd shepherd(MachineTakeover takeover, int maxFailures) {
        return Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(provider)
                .loops(Set.of(LoopKind.INITIALIZER)) // The others would miss the machines at the provider.
                .takeover(takeover)
                .initializer(InitializerSettings.builder()
                        .pollInterval(Duration.ofMillis(50))
                        .maxFailures(maxFailures)
                        .build())
                .build();
    }

    UUID record(InetAddress address, int port) throws InterruptedException {
        UUID machine = UUID.randomUUID();
        MachineInfo info = MachineInfo.builder(
                        new ProviderID("machine-" + machines.incrementAndGet()), Availability.KNOWN_USED)
                .address(address)
                .sshPort(port)
                .build();
        record(machine, info);
        return machine;
    }

    void record(UUID machine, MachineInfo info) throws InterruptedException {
        provider.addMachine(info);
        inSession(tx -> tx.recordMachine(TYPE, CreateMachineRequest.any(machine), info));
    }

    @FunctionalInterface
    interface Writes {
        void on(dev.shepherd.bmdb.BmdbTransaction tx);
    }

    void inSession(Writes writes) throws InterruptedException {
        try (BmdbSession session = database.bmdb().startSession("test", "here")) {
            session.useTransaction(tx -> {
                writes.on(tx);
            });
        }
    }

    MachineRecord read(UUID machine) throws InterruptedException {
        return database.bmdb().machine(machine).orElseThrow();
    }

    /** The events of a machine's history, oldest first. */
    List<WorkEvent> events(UUID machine) throws InterruptedException {
        List<WorkEvent> events = database.bmdb().history(machine, 100).stream()
                .map(WorkHistoryEntry::event)
                .collect(Collectors.toList());
        java.util.Collections.reverse(events);
        return events;
    }
}
