package dev.shepherd.manager.listing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.listing.Listings;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.manager.BreakingProvider;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.ShowingProvider;
import dev.shepherd.manager.Writes;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class UpdaterTest {

    private static final ProviderType TYPE = new ProviderType("lab");
    private static final ProviderID FIRST = new ProviderID("machine-0");

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create(config -> config.sessionInterval(Duration.ofSeconds(20)));

    private final Deque<AutoCloseable> open = new ArrayDeque<>();

    @AfterEach
    void closeManagers() throws Exception {
        while (!open.isEmpty()) {
            open.pop().close();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatTheProviderSaysIsMirroredAndWhatItNoLongerSaysIsCleared(boolean cheap) throws Exception {
        FakeProvider provider = provider(2, cheap);
        Updater updater = updater(provider, database.bmdb());
        assertThat(updater.step()).isZero();

        provider.addMachine(MachineInfo.builder(FIRST, Availability.KNOWN_USED)
                .address(InetAddress.getByName("10.9.9.9"))
                .status(ProviderStatus.STOPPED)
                .reservationId("reservation-9")
                .build());
        database.advance(Duration.ofMinutes(34));

        assertThat(updater.step()).isEqualTo(1);
        ProvidedMachine machine = read(FIRST);
        assertThat(machine.status()).contains(ProviderStatus.STOPPED);
        assertThat(machine.address()).contains(InetAddress.getByName("10.9.9.9"));
        assertThat(machine.reservationId()).contains("reservation-9");
        assertThat(machine.location()).as("no longer said").isEmpty();
        assertThat(read(new ProviderID("machine-1")).location()).contains("rack-1");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aLabelThatChangesIsNoticed(boolean cheap) throws Exception {
        FakeProvider provider = provider(2, cheap);
        Updater updater = updater(provider, database.bmdb());
        updater.step();
        provider.addMachine(machine(0).labels(Map.of("rack", "8", "tier", "")).build());
        database.advance(Duration.ofMinutes(34));

        assertThat(updater.step()).isEqualTo(1);
        assertThat(read(FIRST).labels()).isEqualTo(Map.of("rack", "8", "tier", ""));
        assertThat(database.bmdb()
                        .machine(read(FIRST).machineId())
                        .orElseThrow()
                        .labels())
                .containsOnlyKeys("rack", "tier");
        database.advance(Duration.ofMinutes(34));
        assertThat(updater.step()).as("nothing is new").isZero();

        provider.addMachine(machine(0).labels(Map.of()).build());
        database.advance(Duration.ofMinutes(34));
        assertThat(updater.step()).isEqualTo(1);
        assertThat(read(FIRST).labels()).isEmpty();
    }

    @Test
    void aMachineWithNothingNewIsLookedAtEveryThirtyMinutesAndOneInMotionEveryMinute() throws Exception {
        FakeProvider provider = provider(1, false);
        Updater updater = updater(provider, database.bmdb());
        updater.step();
        for (int minute = 0; minute < 26; minute++) {
            database.advance(Duration.ofMinutes(1));
            updater.step();
        }
        assertThat(provider.calls(Operation.GET)).isEqualTo(1);
        database.advance(Duration.ofMinutes(8));
        updater.step();
        assertThat(provider.calls(Operation.GET)).isEqualTo(2);

        provider.addMachine(machine(0).status(ProviderStatus.PROVISIONING).build());
        database.advance(Duration.ofMinutes(34));
        updater.step();
        for (int minute = 0; minute < 10; minute++) {
            database.advance(Duration.ofSeconds(61));
            updater.step();
        }
        assertThat(provider.calls(Operation.GET)).isEqualTo(13);

        provider.addMachine(machine(0).status(ProviderStatus.RUNNING).build());
        for (int minute = 0; minute < 10; minute++) {
            database.advance(Duration.ofSeconds(61));
            updater.step();
        }
        assertThat(provider.calls(Operation.GET))
                .as("when it changed, and once more after that")
                .isEqualTo(15);
        assertThat(read(FIRST).status()).contains(ProviderStatus.RUNNING);
    }

    @Test
    void aProviderThatListsCheaplyIsListedOnceRatherThanAskedMachineByMachine() throws Exception {
        FakeProvider provider = provider(1500, true);
        Updater updater = updater(provider, database.bmdb());

        updater.step();

        assertThat(provider.calls(Operation.LIST)).isEqualTo(1);
        assertThat(provider.calls(Operation.GET)).isZero();
        updater.step();
        assertThat(provider.calls()).as("nothing is due").hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aMachineThatTheProviderNoLongerKnowsBecomesMissingUntilItIsBack(boolean cheap) throws Exception {
        FakeProvider provider = provider(2, cheap);
        Updater updater = updater(provider, database.bmdb());
        provider.removeMachine(FIRST);

        assertThat(updater.step()).isEqualTo(1);
        assertThat(read(FIRST).status()).contains(ProviderStatus.MISSING);
        database.advance(Duration.ofMinutes(34));
        assertThat(updater.step()).as("it is known to be missing").isZero();

        provider.addMachine(machine(0).build());
        database.advance(Duration.ofMinutes(34));
        assertThat(updater.step()).isEqualTo(1);
        assertThat(read(FIRST).status()).isEmpty();
    }

    @Test
    void aMachineThatIsOnlyNotListedIsNotMissing() throws Exception {
        FakeProvider provider = FakeProvider.builder(TYPE).listingCheap(true).build();
        open.push(provider);
        provider.freezeListing();
        record(provider, 3);

        assertThat(updater(provider, database.bmdb()).step()).isZero();

        assertThat(provider.calls(Operation.GET)).isEqualTo(3);
        assertThat(read(FIRST).status()).isEmpty();
    }

    @Test
    void aMachineThatCannotBeDescribedDoesNotHoldUpTheOthers() throws Exception {
        FakeProvider provider = provider(3, false);
        Updater updater = updater(provider, database.bmdb());
        provider.failNext(Operation.GET, new ProviderException(Reason.TRANSIENT, "one machine's controller hangs"));

        assertThat(updater.step()).isZero();
        assertThat(provider.calls(Operation.GET)).isEqualTo(3);
        database.advance(Duration.ofSeconds(61));
        updater.step();
        assertThat(provider.calls(Operation.GET)).as("that one again").isEqualTo(4);
    }

    @Test
    void aProviderThatDoesNotWantToBeAskedIsLeftAloneAndTheRestIsDueAgainSoon() throws Exception {
        FakeProvider provider = provider(3, false);
        Updater updater = updater(provider, database.bmdb());
        provider.failNext(Operation.GET, new ProviderException(Reason.RATE_LIMITED, "slow down"));

        assertThatThrownBy(updater::step)
                .isInstanceOfSatisfying(
                        ProviderException.class, e -> assertThat(e.reason()).isEqualTo(Reason.RATE_LIMITED));
        assertThat(provider.calls(Operation.GET)).isEqualTo(1);
        database.advance(Duration.ofSeconds(61));
        updater.step();
        assertThat(provider.calls(Operation.GET)).isEqualTo(4);
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"RATE_LIMITED", "UNAUTHENTICATED"})
    void aMachineThatIsRefusedByItselfIsLeftAloneForLongerAndLongerAndTheOthersAreLookedAt(Reason reason)
            throws Exception {
        FakeProvider provider = provider(3, false);
        Updater updater = updater(provider, database.bmdb());
        for (int i = 0; i < 3; i++) {
            provider.failNext(
                    Operation.GET,
                    ProviderException.builder(reason, "only this one")
                            .scope(Scope.MACHINE)
                            .build());
            updater.step();
            assertThat(provider.calls(Operation.GET)).isEqualTo(3 + i);
            database.advance(Duration.ofMinutes(1L << i).minusSeconds(5));
            updater.step();
            assertThat(provider.calls(Operation.GET)).as("too early").isEqualTo(3 + i);
            database.advance(Duration.ofSeconds(10));
        }
    }

    @Test
    void whatConcernsTheWholeProviderEndsTheStepWhateverItsReason() throws Exception {
        FakeProvider provider = provider(3, false);
        Updater updater = updater(provider, database.bmdb());
        provider.failNext(
                Operation.GET,
                ProviderException.builder(Reason.NOT_FOUND, "there is no such project")
                        .scope(Scope.PROVIDER)
                        .build());

        assertThatThrownBy(updater::step).hasMessageContaining("no such project");

        assertThat(provider.calls(Operation.GET)).isEqualTo(1);
        assertThat(read(FIRST).status()).as("not missing").isEmpty();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aMachineThatBreaksARuleCostsItselfOnly(boolean cheap) throws Exception {
        FakeProvider provider = provider(3, cheap);
        BreakingProvider breaking = new BreakingProvider(provider, FIRST);
        Updater updater = updater(breaking, database.bmdb());
        for (int i = 1; i < 3; i++) {
            provider.addMachine(machine(i).status(ProviderStatus.STOPPED).build());
        }

        assertThat(updater.step()).isEqualTo(2);

        assertThat(read(FIRST).status()).as("as it was").isEmpty();
        assertThat(read(new ProviderID("machine-2")).status()).contains(ProviderStatus.STOPPED);
    }

    @Test
    void aChangeIsToldByWhatChanged() throws Exception {
        ProvidedMachine before = read(record());
        MachineInfo after = machine(0)
                .address(InetAddress.getByName("10.0.0.8"))
                .status(ProviderStatus.STOPPED)
                .location("rack\u202e1".repeat(20))
                .build();

        String told = Changes.between(before, after);

        assertThat(told)
                .startsWith("status none → Stopped, address 10.0.0.1 → 10.0.0.8, location rack-1 → rack\\u202e1")
                .hasSizeLessThan(160);
    }

    private ProviderID record() throws Exception {
        provider(1, false);
        return FIRST;
    }

    @Test
    void twoUpdatersShareTheMachines() throws Exception {
        FakeProvider provider = provider(30, false);
        Updater one = updater(provider, database.bmdb());
        Updater two = updater(provider, database.openAnother());

        Thread first = new Thread(() -> step(one));
        Thread second = new Thread(() -> step(two));
        first.start();
        second.start();
        first.join(20_000);
        second.join(20_000);

        assertThat(provider.calls(Operation.GET)).isEqualTo(30);
    }

    @Test
    void aPausedProviderIsNotAsked() throws Exception {
        FakeProvider provider = provider(3, false);
        Updater updater = updater(provider, database.bmdb());
        OperatorActions.of(database.bmdb(), Actor.program("rack team"))
                .pause(null, TYPE, null, "their maintenance", Duration.ofMinutes(5));

        updater.step();
        assertThat(provider.calls()).isEmpty();
        database.advance(Duration.ofMinutes(6));
        updater.step();
        assertThat(provider.calls(Operation.GET)).isEqualTo(3);
    }

    @Test
    void aProviderThatIsPausedMeanwhileIsNotAskedAnyMore() throws Exception {
        FakeProvider provider = provider(50, false);
        Updater updater = updater(provider, database.bmdb());
        try (FakeProvider.Blocked first = provider.blockNext(Operation.GET)) {
            Thread asking = new Thread(() -> step(updater));
            asking.start();
            first.awaitReached();
            OperatorActions.of(database.bmdb(), Actor.program("rack team"))
                    .pause(null, TYPE, null, "their maintenance", null);
            first.close();
            asking.join(20_000);
            assertThat(asking.isAlive()).isFalse();
        }

        assertThat(provider.calls(Operation.GET)).as("the batch that was begun").isEqualTo(20);
    }

    @Test
    void aStepEndsThoughMoreIsDueAndTheNextGoesOnAtOnce() throws Exception {
        FakeProvider provider = provider(1030, false);
        Updater updater = updater(provider, database.bmdb());

        assertThat(updater.run().delay()).isZero();
        assertThat(provider.calls(Operation.GET)).isEqualTo(1000);
        assertThat(updater.run().delay()).isPositive();
        assertThat(provider.calls(Operation.GET)).isEqualTo(1030);
    }

    @Test
    void ofAFleetThatIsListedOnlyWhatChangedIsWritten() throws Exception {
        FakeProvider provider = provider(40, true);
        Updater updater = updater(provider, database.bmdb());
        updater.step();
        Writes writes = new Writes(database);

        database.advance(Duration.ofMinutes(34));
        assertThat(updater.step()).isZero();
        assertThat(writes.taken()).isEmpty();

        provider.addMachine(machine(7).location("rack-2").build());
        database.advance(Duration.ofMinutes(34));
        assertThat(updater.step()).isEqualTo(1);
        assertThat(writes.taken()).isNotEmpty().allMatch("UPDATE machine_provided machine-7"::equals);

        database.advance(Duration.ofSeconds(61));
        assertThat(updater.step()).as("once more, and then it is at rest").isZero();
        assertThat(writes.taken()).isNotEmpty().allMatch("UPDATE machine_provided machine-7"::equals);
        database.advance(Duration.ofMinutes(34));
        assertThat(updater.step()).isZero();
        assertThat(writes.taken()).isEmpty();
        assertThat(provider.calls(Operation.LIST)).isEqualTo(4);
        assertThat(provider.calls(Operation.GET)).isEqualTo(1);
    }

    @Test
    void whatAnotherUpdaterFoundOutDuringTheListingIsLeftAsItIs() throws Exception {
        FakeProvider fake = provider(2, true);
        MachineInfo stale = machine(0).location("rack-stale").build();
        MachineInfo newer = machine(0).location("rack-newer").build();
        updater(
                        new ShowingProvider(TYPE, true, visitor -> {
                            try (BmdbSession other = database.bmdb().startSession("updater", "another host")) {
                                other.inTransaction(
                                        tx -> Listings.of(database.bmdb(), TYPE).update(tx, newer));
                            }
                            visitor.visit(stale);
                            visitor.visit(fake.getMachine(new ProviderID("machine-1")));
                        }),
                        database.bmdb())
                .step();

        assertThat(read(FIRST).location()).contains("rack-newer");
    }

    @Test
    void machinesAtRestGetATimeAgainWhenTheirListingIsNoLongerCheap() throws Exception {
        FakeProvider cheap = provider(3, true);
        updater(cheap, database.bmdb()).step();
        assertThat(Operator.of(database.bmdb())
                        .explain(machineId(FIRST), RecoveryPolicy.DEFAULT)
                        .orElseThrow()
                        .providerCheckAt())
                .as("nobody waits for it")
                .isEmpty();
        FakeProvider dear = FakeProvider.create(TYPE);
        open.push(dear);
        for (int i = 0; i < 3; i++) {
            dear.addMachine(machine(i).location("rack-2").build());
        }
        Updater updater = updater(dear, database.bmdb());

        updater.step();
        database.advance(Duration.ofMinutes(31));
        updater.step();

        assertThat(dear.calls(Operation.GET)).isEqualTo(3);
        assertThat(read(FIRST).location()).contains("rack-2");
    }

    @Test
    void aListingThatFailsIsTriedAgainAtTheNextStep() throws Exception {
        FakeProvider provider = provider(3, true);
        Updater updater = updater(provider, database.bmdb());
        provider.failNext(Operation.LIST, new ProviderException(Reason.TRANSIENT, "the API is down"));

        assertThatThrownBy(updater::step).hasMessageContaining("the API is down");
        provider.addMachine(machine(0).location("rack-2").build());
        assertThat(updater.step()).isEqualTo(1);
    }

    @ParameterizedTest
    @EnumSource(Reason.class)
    void whateverReasonAListingFailsForNoMachineIsMissingByIt(Reason reason) throws Exception {
        FakeProvider provider = provider(3, true);
        Updater updater = updater(provider, database.bmdb());
        provider.failNext(Operation.LIST, new ProviderException(reason, "not listed"));

        assertThatThrownBy(updater::step).hasMessageContaining("not listed");

        assertThat(read(FIRST).status()).isNotEqualTo(Optional.of(ProviderStatus.MISSING));
        assertThat(provider.calls(Operation.GET)).isZero();
    }

    private static void step(Updater updater) {
        try {
            updater.step();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private Updater updater(Provider provider, Bmdb bmdb) {
        Shepherd shepherd = Shepherd.builder()
                .bmdb(bmdb)
                .provider(provider)
                .takeover(target -> {
                    throw new IllegalStateException("nothing is taken over here");
                })
                .build();
        open.push(shepherd);
        return shepherd.updater(TYPE);
    }

    private FakeProvider provider(int machines, boolean cheap) throws Exception {
        FakeProvider provider = FakeProvider.builder(TYPE).listingCheap(cheap).build();
        open.push(provider);
        record(provider, machines);
        return provider;
    }

    private void record(FakeProvider provider, int machines) throws Exception {
        try (BmdbSession session = database.bmdb().startSession("test", "here")) {
            session.useTransaction(tx -> {
                for (int i = 0; i < machines; i++) {
                    MachineInfo info = machine(i).build();
                    provider.addMachine(info);
                    tx.recordMachine(TYPE, CreateMachineRequest.any(UUID.randomUUID()), info);
                }
            });
        }
    }

    private static MachineInfo.Builder machine(int number) {
        return MachineInfo.builder(new ProviderID("machine-" + number), Availability.KNOWN_USED)
                .address(address())
                .location("rack-1");
    }

    private static InetAddress address() {
        try {
            return InetAddress.getByAddress(new byte[] {10, 0, 0, 1});
        } catch (java.net.UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }

    private ProvidedMachine read(ProviderID id) throws InterruptedException {
        return database.bmdb().machine(machineId(id)).orElseThrow().provided().orElseThrow();
    }

    private UUID machineId(ProviderID id) throws InterruptedException {
        return database.bmdb().findMachine(TYPE, id).orElseThrow();
    }
}
