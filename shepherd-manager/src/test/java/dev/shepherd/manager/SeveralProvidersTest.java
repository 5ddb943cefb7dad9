package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.Availability;
import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.manager.takeover.TakeoverResult;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import java.net.InetAddress;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What holds for one provider holds for no other, and what goes wrong with one concerns no other. */
class SeveralProvidersTest {

    private static final ProviderType RACK = new ProviderType("rack");
    private static final ProviderType CLOUD = new ProviderType("cloud");

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    private final FakeProvider rack = FakeProvider.builder(RACK).build();
    private final FakeProvider cloud = FakeProvider.builder(CLOUD).build();

    private static MachineTakeover noting(List<String> contacted, String who) {
        return target -> {
            contacted.add(who + " " + target.address().getHostAddress());
            return new TakeoverResult(
                    target.machineId(), VirtualFleet.AGENT_KEY, VirtualFleet.HOST_KEY, List.of(), Map.of());
        };
    }

    private static MachineInfo machine(String id, int number) throws Exception {
        return MachineInfo.builder(new ProviderID(id), Availability.KNOWN_UNUSED)
                .address(InetAddress.getByAddress(new byte[] {10, 0, 0, (byte) number}))
                .build();
    }

    @Test
    void oneThatHangsKeepsNoMachineOfAnotherFromBeingTakenOverAsItsOwnSettingsSay() throws Exception {
        List<String> contacted = new CopyOnWriteArrayList<>();
        rack.addMachine(machine("r", 1));
        cloud.addMachine(machine("c", 2));
        FakeProvider.Blocked hangs = rack.blockNext(Operation.LIST);
        ProvisionerSettings quick = ProvisionerSettings.builder()
                .interval(Duration.ofMillis(50))
                .creationInterval(Duration.ZERO)
                .build();
        try (Shepherd shepherd = Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(rack)
                .provider(
                        cloud,
                        ProviderSettings.builder()
                                .takeover(noting(contacted, "ubuntu at"))
                                .build())
                .takeover(noting(contacted, "root at"))
                .provisioner(quick)
                .loops(EnumSet.of(LoopKind.PROVISIONER, LoopKind.INITIALIZER))
                .build()) {
            shepherd.start();

            await().untilAsserted(() -> assertThat(contacted).containsExactly("ubuntu at 10.0.0.2"));
            hangs.release();
            await().untilAsserted(() -> assertThat(contacted).contains("root at 10.0.0.1"));
        }
    }

    @Test
    void eachIsExplainedUnderItsOwnPolicy() {
        RecoveryPolicy patient = RecoveryPolicy.builder()
                .silentAfterHeartbeat(Duration.ofHours(3))
                .build();
        try (Shepherd shepherd = Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(rack)
                .provider(
                        cloud,
                        ProviderSettings.builder()
                                .recoverer(RecovererSettings.builder()
                                        .policy(patient)
                                        .build())
                                .build())
                .takeover(noting(List.of(), ""))
                .build()) {
            assertThat(shepherd.recoverer(CLOUD).policy().silentAfterHeartbeat())
                    .isEqualTo(Duration.ofHours(3));
            assertThat(shepherd.recoverer(RACK).policy().silentAfterHeartbeat()).isEqualTo(Duration.ofMinutes(10));
        }
    }

    @Test
    void aWayToStartAgentsIsNeededOnlyWhereAProviderHasNone() {
        ProviderSettings own =
                ProviderSettings.builder().takeover(noting(List.of(), "")).build();

        Shepherd.builder().bmdb(database.bmdb()).provider(cloud, own).build().close();

        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> Shepherd.builder()
                        .bmdb(database.bmdb())
                        .provider(cloud, own)
                        .provider(rack)
                        .build())
                .withMessageContaining("a shepherd needs a way to start agents");
    }

    @Test
    void spansOfOneThatDoNotGoTogetherAreRefused() {
        RecovererSettings slow = RecovererSettings.builder()
                .policy(RecoveryPolicy.builder()
                        .silentAfterHeartbeat(Duration.ofMinutes(3))
                        .build())
                .pollInterval(Duration.ofMinutes(5))
                .build();

        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> Shepherd.builder()
                        .bmdb(database.bmdb())
                        .provider(
                                cloud,
                                ProviderSettings.builder().recoverer(slow).build())
                        .takeover(noting(List.of(), ""))
                        .build())
                .withMessageContaining("silentAfterHeartbeat");
    }

    @Test
    void theThreadsOfAllAreCounted() {
        ExecutorService executor = Executors.newFixedThreadPool(3);
        try (Shepherd shepherd = Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(rack)
                .provider(
                        cloud,
                        ProviderSettings.builder()
                                .initializer(InitializerSettings.builder()
                                        .parallelism(3)
                                        .build())
                                .build())
                .takeover(noting(List.of(), ""))
                .loops(EnumSet.of(LoopKind.INITIALIZER))
                .executor(executor)
                .build()) {
            assertThatExceptionOfType(ConfigurationException.class)
                    .isThrownBy(shepherd::start)
                    .withMessageContaining("2 loops keep a thread each, and 13 machines may be in progress");
        } finally {
            executor.shutdownNow();
        }
    }
}
