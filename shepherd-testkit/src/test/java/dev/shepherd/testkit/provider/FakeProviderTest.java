package dev.shepherd.testkit.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import dev.shepherd.testkit.ssh.Client;
import dev.shepherd.testkit.ssh.SshHost;
import dev.shepherd.testkit.ssh.SshHosts;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.security.KeyPair;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

class FakeProviderTest {

    private static final ProviderType TYPE = new ProviderType("fake");
    private static final ProviderID ONE = new ProviderID("one");
    private static final ProviderID ABSENT = new ProviderID("absent");

    private final FakeSession session = new FakeSession();
    private final FakeProvider provider = FakeProvider.create(TYPE);

    @Test
    void aReservationBecomesADeviceThatCarriesItsIntent() throws Exception {
        List<MachineInfo> reservations = provider.addReservations(2);
        assertThat(provider.listMachines())
                .hasSize(2)
                .allMatch(machine -> machine.availability() == Availability.KNOWN_UNUSED)
                .allMatch(
                        machine -> !machine.id().isValid() && machine.address().isEmpty())
                .extracting(machine -> machine.reservationId().orElse(""))
                .containsExactly("reservation-1", "reservation-2");
        UUID intent = UUID.randomUUID();
        MachineInfo machine = provider.createMachine(session, CreateMachineRequest.of(intent, reservations.get(1)));

        assertThat(machine.availability()).isEqualTo(Availability.KNOWN_USED);
        assertThat(machine.id().isValid()).isTrue();
        assertThat(machine.address()).contains(InetAddress.getByName("192.0.2.1"));
        assertThat(machine.sshPort()).isEmpty();
        assertThat(machine.reservationId()).contains("reservation-2");
        assertThat(machine.intentId()).contains(intent);
        assertThat(machine.status()).contains(ProviderStatus.RUNNING);
        assertThat(provider.getMachine(machine.id())).isEqualTo(machine);
        assertThat(provider.listMachines()).containsExactly(machine, reservations.get(0));
        assertThat(session.recorded()).containsExactly(new FakeSession.Recorded(intent, TYPE, machine));
    }

    @Test
    void theSameIntentMakesTheSameMachineOnce() throws Exception {
        provider.addReservations(2);
        provider.setCapacity(2);
        CreateMachineRequest request = CreateMachineRequest.any(UUID.randomUUID());
        MachineInfo machine = provider.createMachine(session, request);
        assertThat(provider.createMachine(session, request)).isEqualTo(machine);
        MachineInfo another = provider.createMachine(session, CreateMachineRequest.any(UUID.randomUUID()));
        assertThat(another.id()).isNotEqualTo(machine.id());
        assertThat(provider.machines()).hasSize(2);
        assertThat(provider.capacity()).as("reservations come first").isEqualTo(2);
    }

    @Test
    void thereIsNoMoreThanTheCapacity() throws Exception {
        FakeProvider small = FakeProvider.builder(TYPE).capacity(1).build();
        small.createMachine(session, CreateMachineRequest.any(UUID.randomUUID()));
        assertThatThrownBy(() -> small.createMachine(session, CreateMachineRequest.any(UUID.randomUUID())))
                .isInstanceOf(NoCapacityException.class)
                .hasMessageContaining("fake");
        assertThat(session.recorded()).hasSize(1);
    }

    @Test
    void aMachineThatIsGoneCannotBeCreated() throws Exception {
        MachineInfo reservation = provider.addReservations(1).get(0);
        provider.setCapacity(10);
        provider.createMachine(session, CreateMachineRequest.of(UUID.randomUUID(), reservation));
        assertThatThrownBy(
                        () -> provider.createMachine(session, CreateMachineRequest.of(UUID.randomUUID(), reservation)))
                .isInstanceOf(NoCapacityException.class)
                .hasMessageContaining("reservation-1");
    }

    @Test
    void aMachineWithAnIdAndAnAddressKeepsThem() throws Exception {
        MachineInfo machine = MachineInfo.builder(ONE, Availability.KNOWN_UNUSED)
                .address(InetAddress.getByName("192.0.2.77"))
                .sshPort(2222)
                .build();
        provider.addMachine(machine);
        MachineInfo created = provider.createMachine(session, CreateMachineRequest.of(UUID.randomUUID(), machine));
        assertThat(created.id()).isEqualTo(ONE);
        assertThat(created.address()).isEqualTo(machine.address());
        assertThat(created.sshPort()).hasValue(2222);
        assertThat(provider.machines()).containsExactly(created);
        MachineInfo unnamed = MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED)
                .build();
        assertThatThrownBy(() -> provider.addMachine(unnamed)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aMachineThatIsPossiblyUsedStaysSo() throws Exception {
        MachineInfo machine = MachineInfo.builder(ONE, Availability.POSSIBLY_USED)
                .address(InetAddress.getByName("192.0.2.77"))
                .build();
        provider.addMachine(machine);
        CreateMachineRequest request = CreateMachineRequest.of(UUID.randomUUID(), machine);
        for (int i = 0; i < 2; i++) {
            assertThat(provider.createMachine(session, request).availability()).isEqualTo(Availability.KNOWN_USED);
            assertThat(provider.listMachines()).containsExactly(machine);
        }
        assertThat(session.recorded()).hasSize(1);
    }

    @Test
    void devicesBeyondTheFirstAddressesGetOthers() throws Exception {
        provider.setCapacity(300);
        Set<Optional<InetAddress>> addresses = new HashSet<>();
        for (int i = 0; i < 300; i++) {
            addresses.add(provider.createMachine(session, CreateMachineRequest.any(UUID.randomUUID()))
                    .address());
        }
        assertThat(addresses).hasSize(300);
    }

    @Test
    void anUnknownMachineIsNotFound() {
        provider.onReinstall(id -> {});
        for (ProviderID id : List.of(ABSENT, ProviderID.INVALID)) {
            provider.addReservations(1);
            assertReason(Reason.NOT_FOUND, () -> provider.getMachine(id));
            assertReason(Reason.NOT_FOUND, () -> provider.rebootMachine(id));
            assertReason(Reason.NOT_FOUND, () -> provider.reinstallMachine(id));
        }
    }

    @Test
    void aFailureBeforeTheEffectHasNone() throws Exception {
        provider.setCapacity(1);
        ProviderException failure = new ProviderException(Reason.RATE_LIMITED, "slow down");
        provider.failNext(Operation.CREATE, failure);
        CreateMachineRequest request = CreateMachineRequest.any(UUID.randomUUID());
        assertThatThrownBy(() -> provider.createMachine(session, request)).isSameAs(failure);
        assertThat(provider.machines()).isEmpty();
        assertThat(provider.listMachines()).isEmpty();
        provider.createMachine(session, request);
        assertThat(provider.machines()).hasSize(1);
    }

    @Test
    void aFailureAfterTheEffectLeavesAMachineThatIsNotRecordedAndIsFoundByItsIntent() throws Exception {
        provider.setCapacity(5);
        ProviderException failure = new ProviderException(Reason.TRANSIENT, "the answer was lost");
        provider.failNextAfterEffect(Operation.CREATE, failure);
        CreateMachineRequest request = CreateMachineRequest.any(UUID.randomUUID());
        assertThatThrownBy(() -> provider.createMachine(session, request)).isSameAs(failure);
        assertThat(session.recorded()).isEmpty();
        assertThat(provider.listMachines())
                .singleElement()
                .satisfies(machine -> assertThat(machine.intentId()).contains(request.intentId()));

        MachineInfo adopted = provider.createMachine(session, request);
        assertThat(provider.machines()).containsExactly(adopted);
        assertThat(session.recorded()).containsExactly(new FakeSession.Recorded(request.intentId(), TYPE, adopted));

        List<ProviderID> reboots = new ArrayList<>();
        provider.onReboot(reboots::add);
        provider.failNextAfterEffect(Operation.REBOOT, failure);
        assertThatThrownBy(() -> provider.rebootMachine(adopted.id())).isSameAs(failure);
        assertThat(reboots).containsExactly(adopted.id());
    }

    @Test
    void aSessionThatIsLostLeavesTheMachineToItsIntent() throws Exception {
        provider.setCapacity(5);
        FakeSession lost = session.another();
        lost.lose();
        CreateMachineRequest request = CreateMachineRequest.any(UUID.randomUUID());
        assertThatThrownBy(() -> provider.createMachine(lost, request)).isInstanceOf(SessionExpiredException.class);
        assertThat(session.recorded()).isEmpty();
        provider.createMachine(session, request);
        assertThat(provider.machines()).hasSize(1);
    }

    @Test
    void faultsAreUsedUpInTheOrderTheyWereGiven() throws Exception {
        RuntimeException first = new ProviderException(Reason.TRANSIENT, "first");
        RuntimeException second = new ProviderException(Reason.PERMANENT, "second");
        provider.failNext(Operation.LIST, first);
        provider.failNextAfterEffect(Operation.LIST, second);
        assertReason(Reason.NOT_FOUND, () -> provider.getMachine(ABSENT));
        assertThatThrownBy(provider::listMachines).isSameAs(first);
        assertThatThrownBy(provider::listMachines).isSameAs(second);
        assertThat(provider.listMachines()).isEmpty();
    }

    @Test
    void callsAreRecorded() throws Exception {
        Instant now = Instant.parse("2026-01-01T00:00:00Z");
        FakeProvider recorded = FakeProvider.builder(new ProviderType("fake-eu"))
                .capacity(1)
                .clock(Clock.fixed(now, ZoneOffset.UTC))
                .build();
        UUID intent = UUID.randomUUID();
        MachineInfo machine = recorded.createMachine(session, CreateMachineRequest.any(intent));
        assertReason(Reason.NOT_FOUND, () -> recorded.rebootMachine(ABSENT));
        recorded.listMachines();

        assertThat(recorded.calls())
                .extracting(FakeProvider.Call::operation)
                .containsExactly(Operation.CREATE, Operation.REBOOT, Operation.LIST);
        FakeProvider.Call creation = recorded.calls().get(0);
        assertThat(creation)
                .isEqualTo(new FakeProvider.Call(
                        Operation.CREATE,
                        Optional.of(machine.id()),
                        Optional.of(intent),
                        Thread.currentThread().getName(),
                        now,
                        Optional.of(now),
                        Optional.empty()));
        assertThat(recorded.calls().get(1).failure()).containsInstanceOf(ProviderException.class);
        assertThat(recorded.mostConcurrentCalls()).isEqualTo(1);
        assertThat(recorded).hasToString("FakeProvider[fake-eu, 1 machines]");
    }

    @Test
    void aBlockedCallWaitsUntilItIsReleased() throws Exception {
        ExecutorService executor = Executors.newCachedThreadPool();
        try (FakeProvider.Blocked block = provider.blockNext(Operation.LIST)) {
            assertThat(block.isReached()).isFalse();
            Future<List<MachineInfo>> listing = executor.submit(provider::listMachines);
            block.awaitReached();
            assertThat(block.isReached()).isTrue();
            assertThat(provider.calls().get(0).end()).isEmpty();
            assertThat(listing).isNotDone();
            assertReason(Reason.NOT_FOUND, () -> provider.getMachine(ABSENT));
            block.release();
            assertThat(listing.get()).isEmpty();
            assertThat(provider.mostConcurrentCalls()).isEqualTo(2);
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    void delaysAndBlocksEndByInterruption() throws Exception {
        provider.delayNext(Operation.LIST, Duration.ofHours(1));
        provider.blockNext(Operation.LIST);
        for (int i = 0; i < 2; i++) {
            int call = i;
            List<Throwable> thrown = new ArrayList<>();
            Thread thread = new Thread(() -> {
                try {
                    provider.listMachines();
                } catch (InterruptedException e) {
                    thrown.add(e);
                }
            });
            thread.start();
            await().until(() -> provider.calls().size() > call);
            thread.interrupt();
            thread.join(20_000);
            assertThat(thrown).hasSize(1);
            assertThat(provider.calls().get(call).failure()).containsInstanceOf(InterruptedException.class);
        }
        provider.delayNext(Operation.LIST, Duration.ofMillis(50));
        long start = System.nanoTime();
        provider.listMachines();
        assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(50_000_000);
    }

    @Test
    void aFrozenListingIsStale() throws Exception {
        provider.addReservations(1);
        provider.freezeListing();
        MachineInfo machine = provider.createMachine(session, CreateMachineRequest.any(UUID.randomUUID()));
        assertThat(provider.listMachines())
                .singleElement()
                .matches(listed -> listed.availability() == Availability.KNOWN_UNUSED);
        assertThat(provider.getMachine(machine.id())).isEqualTo(machine);
        provider.thawListing();
        assertThat(provider.listMachines()).containsExactly(machine);
    }

    @Test
    void machinesChangeAndDisappear() throws Exception {
        provider.setCapacity(1);
        MachineInfo machine = provider.createMachine(session, CreateMachineRequest.any(UUID.randomUUID()));
        provider.addMachine(machine.toBuilder().failed(true).build());
        assertThat(provider.getMachine(machine.id()).failed()).isTrue();
        provider.removeMachine(machine.id());
        assertThat(provider.listMachines()).isEmpty();
        assertReason(Reason.NOT_FOUND, () -> provider.getMachine(machine.id()));
    }

    @Test
    void failedMachinesAreNotChosen() {
        provider.addMachine(
                MachineInfo.builder(ONE, Availability.KNOWN_UNUSED).failed(true).build());
        assertThatThrownBy(() -> provider.createMachine(session, CreateMachineRequest.any(UUID.randomUUID())))
                .isInstanceOf(NoCapacityException.class);
    }

    @Test
    void aClosedProviderRefusesCalls() {
        provider.close();
        provider.close();
        assertThat(provider.isClosed()).isTrue();
        assertThatThrownBy(provider::listMachines)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("LIST");
        assertThat(provider.calls()).isEmpty();
    }

    @Test
    void whatCannotReinstallSaysSo() throws Exception {
        FakeProvider cannot = FakeProvider.builder(TYPE).capacity(1).build();
        MachineInfo machine = cannot.createMachine(session, CreateMachineRequest.any(UUID.randomUUID()));
        assertThatThrownBy(() -> cannot.reinstallMachine(machine.id())).isInstanceOf(NotSupportedException.class);
        assertThat(cannot.calls(Operation.REINSTALL)).isEqualTo(1);
    }

    @Test
    void aRebootAndAReinstallationReachTheHostThatStandsForTheMachine() throws Exception {
        KeyPair key = Client.newKey();
        Map<ProviderID, SshHost> machines = new ConcurrentHashMap<>();
        try (SshHosts hosts = SshHosts.start();
                Client client = new Client()) {
            FakeProvider fleet = FakeProvider.builder(TYPE)
                    .capacity(2)
                    .addresses(id -> {
                        SshHost host = SshHost.builder()
                                .hosts(hosts)
                                .authorizedKey(key.getPublic())
                                .start();
                        machines.put(id, host);
                        return new InetSocketAddress(host.address(), host.port());
                    })
                    .build();
            fleet.onReboot(id -> host(machines, id).reboot());
            fleet.onReinstall(id -> host(machines, id).reinstall());
            MachineInfo machine = fleet.createMachine(session, CreateMachineRequest.any(UUID.randomUUID()));
            SshHost host = host(machines, machine.id());
            assertThat(machine.address()).contains(host.address());
            assertThat(machine.sshPort()).hasValue(host.port());
            String hostKey = host.hostKey();
            client.connect(host, key);
            fleet.rebootMachine(machine.id());
            assertThat(host.openConnections()).isZero();
            assertThat(host.hostKey()).isEqualTo(hostKey);
            fleet.reinstallMachine(machine.id());
            assertThat(host.hostKey()).isNotEqualTo(hostKey);
        }
    }

    @Test
    void manyThreadsCreateEachMachineOnce() throws Exception {
        provider.addReservations(50);
        ExecutorService executor = Executors.newFixedThreadPool(8);
        try {
            List<Future<MachineInfo>> created = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                // Every intent twice.
                CreateMachineRequest request = CreateMachineRequest.any(new UUID(0, i / 2));
                created.add(executor.submit(() -> provider.createMachine(session, request)));
            }
            Set<ProviderID> ids = new HashSet<>();
            for (Future<MachineInfo> future : created) {
                ids.add(future.get().id());
            }
            assertThat(ids).hasSize(50);
            assertThat(session.recorded()).hasSize(50);
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    void faultsLastUntilTheyAreForgotten() throws Exception {
        ProviderException lasting = new ProviderException(Reason.RATE_LIMITED, "lasting");
        ProviderException once = new ProviderException(Reason.TRANSIENT, "once");
        provider.failAll(Operation.LIST, lasting);
        provider.failNext(Operation.LIST, once);
        assertThatThrownBy(provider::listMachines).isSameAs(once);
        assertThatThrownBy(provider::listMachines).isSameAs(lasting);
        assertThatThrownBy(provider::listMachines).isSameAs(lasting);
        assertReason(Reason.NOT_FOUND, () -> provider.getMachine(ABSENT));
        provider.failNext(Operation.LIST, once);
        provider.clearFaults();
        assertThat(provider.listMachines()).isEmpty();
    }

    @Test
    void aProviderThatIsOpenedAgainHasItsMachines() throws Exception {
        provider.addReservations(1);
        MachineInfo machine = provider.createMachine(session, CreateMachineRequest.any(UUID.randomUUID()));
        provider.close();
        assertThatThrownBy(provider::listMachines).isInstanceOf(IllegalStateException.class);
        provider.reopen();
        assertThat(provider.listMachines()).containsExactly(machine);
    }

    private static SshHost host(Map<ProviderID, SshHost> machines, ProviderID id) {
        SshHost host = machines.get(id);
        if (host == null) {
            throw new AssertionError("no host stands for " + id);
        }
        return host;
    }

    private interface Attempt {
        void run() throws InterruptedException, UnknownHostException;
    }

    private static void assertReason(Reason reason, Attempt attempt) {
        assertThatThrownBy(attempt::run)
                .isInstanceOfSatisfying(
                        ProviderException.class, e -> assertThat(e.reason()).isEqualTo(reason));
    }
}
