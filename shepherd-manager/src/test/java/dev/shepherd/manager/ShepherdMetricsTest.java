package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.RecoveryOutlook;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.meters.BoundMeters;
import dev.shepherd.bmdb.trace.Tracer;
import dev.shepherd.manager.internal.ProviderCalls;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.search.RequiredSearch;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
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
        return shepherd(LoopKind.PROVISIONER);
    }

    private Shepherd shepherd(LoopKind... loops) {
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
                .loops(Set.of(loops))
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
        try (Shepherd shepherd = shepherd(LoopKind.RECOVERER);
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
        try (Shepherd shepherd = shepherd(LoopKind.values());
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
    void aLoopThatDoesNotRunHereHasNoMeters() {
        try (Shepherd shepherd = shepherd(LoopKind.UPDATER);
                ShepherdMetrics metrics = ShepherdMetrics.of(shepherd)) {
            metrics.bindTo(registry);

            assertThat(registry.getMeters().stream()
                            .map(meter -> meter.getId().getTag("loop"))
                            .filter(Objects::nonNull))
                    .containsOnly("updater");
            assertThat(registry.getMeters())
                    .extracting(meter -> meter.getId().getName())
                    .contains("shepherd.provider.calls")
                    .noneMatch(name -> name.startsWith("shepherd.takeover"))
                    .noneMatch(name -> name.startsWith("shepherd.recovery"))
                    .noneMatch(name -> name.startsWith("shepherd.provisioning"));
        }
    }

    private static ProviderID used(FakeProvider provider) {
        ProviderID id = new ProviderID("machine-1");
        provider.addMachine(MachineInfo.builder(id, Availability.KNOWN_USED)
                .address(InetAddress.getLoopbackAddress())
                .build());
        return id;
    }

    private long calls(String operation, String outcome) {
        return registry.get("shepherd.provider.calls")
                .tags("provider", "fake", "operation", operation, "outcome", outcome)
                .timer()
                .count();
    }

    private double failures(String operation, String reason) {
        return registry.get("shepherd.provider.call.failures")
                .tags("provider", "fake", "operation", operation, "reason", reason)
                .counter()
                .count();
    }

    private double allFailures() {
        return registry.get("shepherd.provider.call.failures").counters().stream()
                .mapToDouble(Counter::count)
                .sum();
    }

    private long waits(String operation) {
        return registry.get("shepherd.provider.call.waits")
                .tags("provider", "fake", "operation", operation)
                .timer()
                .count();
    }

    @Test
    void callsOfTheProviderAreCountedByOperationAndOutcomeAndTimed() throws Exception {
        ProviderID id = used(provider);
        provider.onReinstall(machine -> {});
        ProviderCalls calls = new ProviderCalls(provider, Tracer.NONE);
        try (BoundMeters meters = new BoundMeters(registry)) {
            ProviderMeters.bind(meters, calls);
            ProviderCalls.Visitor visitor = visitor(machine -> {});

            calls.forEachMachine(visitor);
            calls.getMachine(id);
            provider.delayNext(FakeProvider.Operation.GET, Duration.ofMillis(300));
            calls.getMachine(id);
            provider.failNext(FakeProvider.Operation.GET, new ProviderException(Reason.RATE_LIMITED, "slower"));
            assertThatThrownBy(() -> calls.getMachine(id)).isInstanceOf(ProviderException.class);
            provider.failNext(FakeProvider.Operation.GET, new IllegalStateException("a defect"));
            assertThatThrownBy(() -> calls.getMachine(id)).isInstanceOf(ProviderException.class);
            assertThatThrownBy(() -> calls.forEachMachine(visitor(machine -> {
                        throw new BmdbException("the database is away", null, null);
                    })))
                    .isInstanceOf(BmdbException.class);
            assertThat(calls.rebootMachine(id, () -> false)).isFalse();
            assertThatThrownBy(() -> calls.rebootMachine(id, () -> {
                        throw new BmdbException("the database is away", null, null);
                    }))
                    .isInstanceOf(BmdbException.class);
            assertThat(calls.rebootMachine(id, () -> true)).isTrue();
            assertThat(calls.reinstallMachine(id, () -> true)).isTrue();

            assertThat(calls("list", "ok")).isEqualTo(1);
            assertThat(calls("list", "given_up")).isEqualTo(1);
            assertThat(calls("get", "ok")).isEqualTo(2);
            assertThat(calls("get", "failed")).isEqualTo(2);
            assertThat(failures("get", "rate_limited")).isEqualTo(1);
            assertThat(failures("get", "transient"))
                    .as("a defect is taken for one")
                    .isEqualTo(1);
            assertThat(allFailures()).isEqualTo(2);
            assertThat(calls("reboot", "ok"))
                    .as("what did not pass its last check was no call")
                    .isEqualTo(1);
            assertThat(calls("reboot", "given_up") + calls("reboot", "failed")).isZero();
            assertThat(calls("reinstall", "ok")).isEqualTo(1);
            assertThat(waits("reboot")).isEqualTo(3);
            assertThat(registry.get("shepherd.provider.calls")
                            .tags("operation", "get", "outcome", "ok")
                            .timer()
                            .max(TimeUnit.MILLISECONDS))
                    .isGreaterThanOrEqualTo(300);
        }
        assertThat(registry.getMeters()).isEmpty();
        calls.forEachMachine(visitor(machine -> {}));
    }

    private static ProviderCalls.Visitor visitor(Consumer<MachineInfo> machines) {
        return new ProviderCalls.Visitor() {
            @Override
            public void visit(MachineInfo machine) {
                machines.accept(machine);
            }

            @Override
            public void passOver(ProviderID id, String why) {
                throw new IllegalStateException(why);
            }
        };
    }

    @Test
    void callsUnderWayAndThoseThatWaitForTheirTurnAreShown() throws Exception {
        FakeProvider single = FakeProvider.create(TYPE, 1);
        ProviderID id = used(single);
        ProviderCalls calls = new ProviderCalls(single, Tracer.NONE);
        ProviderMeters.bind(new BoundMeters(registry), calls);
        assertThat(provided("shepherd.provider.calls.limit")).isEqualTo(1);
        assertThat(provided("shepherd.provider.calls.active")).isZero();
        try (FakeProvider.Blocked blocked = single.blockNext(FakeProvider.Operation.GET)) {
            Thread first = asking(calls, id);
            blocked.awaitReached();
            assertThat(provided("shepherd.provider.calls.active")).isEqualTo(1);
            Thread second = asking(calls, id);

            await().atMost(LIMIT)
                    .untilAsserted(() -> assertThat(provided("shepherd.provider.calls.waiting"))
                            .isEqualTo(1));
            blocked.release();
            first.join();
            second.join();
        }

        assertThat(provided("shepherd.provider.calls.active")).isZero();
        assertThat(provided("shepherd.provider.calls.waiting")).isZero();
        assertThat(waits("get")).isEqualTo(2);
        assertThat(registry.get("shepherd.provider.call.waits")
                        .tags("operation", "get")
                        .timer()
                        .max(TimeUnit.NANOSECONDS))
                .isPositive();
    }

    private static Thread asking(ProviderCalls calls, ProviderID id) {
        Thread thread = new Thread(() -> {
            try {
                calls.getMachine(id);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        thread.start();
        return thread;
    }
}
