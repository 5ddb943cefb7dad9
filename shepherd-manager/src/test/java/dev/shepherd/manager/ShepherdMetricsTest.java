package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.RecoveryOutlook;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.search.RequiredSearch;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class ShepherdMetricsTest {

    private static final ProviderType TYPE = new ProviderType("fake");
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create(config -> config.sessionInterval(Duration.ofSeconds(20)));

    private final FakeProvider provider = FakeProvider.create(TYPE);
    private final MeterRegistry registry = new SimpleMeterRegistry();

    private Shepherd shepherd() {
        return Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(provider)
                .provisioner(ProvisionerSettings.builder()
                        .creationInterval(Duration.ZERO)
                        .build())
                .recoverer(RecovererSettings.builder()
                        .policy(RecoveryPolicy.builder()
                                .freezeReleaseAfter(Duration.ZERO)
                                .build())
                        .build())
                .loops(Set.of(LoopKind.PROVISIONER))
                .takeover(target -> {
                    throw new IllegalStateException("nothing is taken over here");
                })
                .build();
    }

    private RequiredSearch loop(String name) {
        return registry.get(name).tags("provider", "fake", "loop", "provisioner");
    }

    private double provided(String name, String... tags) {
        return registry.get(name).tag("provider", "fake").tags(tags).gauge().value();
    }

    @Test
    void whatALoopDoesIsCounted() {
        provider.addReservations(3);
        try (Shepherd shepherd = shepherd();
                ShepherdMetrics metrics = ShepherdMetrics.of(shepherd)) {
            metrics.bindTo(registry);
            assertThat(loop("shepherd.loop.success.age").timeGauge().value())
                    .as("not started yet")
                    .isNaN();

            shepherd.start();

            await().atMost(LIMIT)
                    .until(() -> loop("shepherd.loop.steps").functionTimer().count() == 1);
            assertThat(loop("shepherd.loop.steps").functionTimer().totalTime(TimeUnit.NANOSECONDS))
                    .isPositive();
            assertThat(loop("shepherd.loop.step.failures").functionCounter().count())
                    .isZero();
            assertThat(loop("shepherd.loop.success.age").timeGauge().value(TimeUnit.SECONDS))
                    .isBetween(0.0, 60.0);
            assertThat(loop("shepherd.loop.machines")
                            .tag("outcome", "succeeded")
                            .functionCounter()
                            .count())
                    .isEqualTo(3);
            assertThat(loop("shepherd.loop.machines")
                            .tag("outcome", "failed")
                            .functionCounter()
                            .count())
                    .isZero();
            assertThat(loop("shepherd.loop.machines.active").gauge().value()).isZero();
            assertThat(loop("shepherd.loop.work").functionTimer().count()).isEqualTo(3);
            assertThat(loop("shepherd.loop.work").functionTimer().totalTime(TimeUnit.NANOSECONDS))
                    .isPositive();
        }
    }

    @Test
    void aFatalDiscrepancyFailsTheStepAndCountsItsMachines() throws Exception {
        for (String id : Set.of("stranger-1", "stranger-2")) {
            provider.addMachine(MachineInfo.builder(new ProviderID(id), Availability.KNOWN_USED)
                    .address(InetAddress.getLoopbackAddress())
                    .build());
        }
        try (Shepherd shepherd = shepherd();
                ShepherdMetrics metrics = ShepherdMetrics.of(shepherd)) {
            metrics.bindTo(registry);
            assertThat(provided("shepherd.discrepancies", "kind", "provider_only"))
                    .isZero();

            shepherd.start();

            await().atMost(LIMIT)
                    .until(() -> loop("shepherd.loop.step.failures")
                                    .functionCounter()
                                    .count()
                            > 0);
            assertThat(provided("shepherd.discrepancies", "kind", "provider_only"))
                    .isEqualTo(2);
            assertThat(provided("shepherd.discrepancies", "kind", "database_only"))
                    .isZero();
        }
    }

    @Test
    void whatRecoveryLooksAtIsShown() throws Exception {
        provider.addReservations(2);
        try (Shepherd shepherd = shepherd();
                ShepherdMetrics metrics = ShepherdMetrics.of(shepherd)) {
            metrics.bindTo(registry);
            shepherd.provisioner(TYPE).step();
            try (BmdbSession session = database.bmdb().startSession("test", "here")) {
                for (ProvidedMachine machine : database.bmdb().providedMachines(TYPE)) {
                    session.useTransaction(tx -> {
                        tx.putAgentStarted(machine.machineId(), new byte[32]);
                    });
                }
            }
            database.advance(Duration.ofHours(1));
            shepherd.recoverer(TYPE).step();

            RecoveryOutlook outlook = shepherd.status().recovery().get(TYPE);
            assertThat(outlook.due()).isEqualTo(2);
            assertThat(outlook.limit()).isPositive();
            assertThat(provided("shepherd.recovery.limit")).isEqualTo(outlook.limit());
            assertThat(provided("shepherd.recovery.due")).isEqualTo(outlook.due());
            assertThat(provided("shepherd.recovery.active")).isEqualTo(outlook.inRecovery());
            assertThat(provided("shepherd.recovery.freezes"))
                    .isEqualTo(outlook.freezes().size());
        }
    }

    @Test
    void everyLoopHasItsMetersAndClosingTakesThemAway() {
        try (Shepherd shepherd = shepherd();
                ShepherdMetrics metrics = ShepherdMetrics.of(shepherd)) {
            metrics.bindTo(registry);
            for (LoopKind kind : LoopKind.values()) {
                assertThat(registry.get("shepherd.loop.steps")
                                .tags("provider", "fake", "loop", kind.toString())
                                .functionTimer()
                                .count())
                        .isZero();
            }

            metrics.close();

            assertThat(registry.getMeters()).isEmpty();
        }
    }

    @Test
    void theDocumentNamesEveryMetricAndNoOther() throws Exception {
        try (Shepherd shepherd = shepherd();
                ShepherdMetrics metrics = ShepherdMetrics.of(shepherd)) {
            metrics.bindTo(registry);
            Set<String> registered = registry.getMeters().stream()
                    .map(meter -> meter.getId().getName())
                    .collect(Collectors.toCollection(TreeSet::new));

            Set<String> documented = Pattern.compile("^\\| `(shepherd\\.(?!agent\\.)[a-z.]+)`", Pattern.MULTILINE)
                    .matcher(Files.readString(Path.of("../docs/operations.md")))
                    .results()
                    .map(match -> match.group(1))
                    .collect(Collectors.toCollection(TreeSet::new));

            assertThat(documented).isEqualTo(registered);
        }
    }
}
