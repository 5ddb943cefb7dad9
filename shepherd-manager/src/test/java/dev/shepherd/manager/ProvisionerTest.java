package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.NoCapacityException;
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
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.event.StoredEvent;
import dev.shepherd.bmdb.feed.EventFeed;
import dev.shepherd.bmdb.provisioning.Intents;
import dev.shepherd.bmdb.provisioning.MachineIntent;
import dev.shepherd.manager.provisioning.Discrepancy;
import dev.shepherd.manager.provisioning.FatalDiscrepancyException;
import dev.shepherd.manager.provisioning.Provisioner;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.provisioning.ProvisioningOutlook;
import dev.shepherd.manager.provisioning.Reconciliation;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.status.LoopStatus;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ProvisionerTest {

    private static final ProviderType TYPE = new ProviderType("fake");
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final ProvisionerSettings SETTINGS =
            ProvisionerSettings.builder().creationInterval(Duration.ZERO).build();

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create(config -> config.sessionInterval(Duration.ofSeconds(20)));

    @RegisterExtension
    final LogCapture log = LogCapture.of("dev.shepherd.manager");

    private final FakeProvider provider = FakeProvider.create(TYPE);

    @Test
    void freeReservationsBecomeMachinesChunkByChunk() throws Exception {
        provider.addReservations(45);
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            Provisioner provisioner = shepherd.provisioner(TYPE);

            assertThat(provisioner.step().created()).hasSize(20);
            assertThat(provisioner.step().created()).hasSize(20);
            assertThat(provisioner.step().created()).hasSize(5);
            assertThat(provisioner.step().created()).isEmpty();
        }
        assertThat(recorded()).hasSize(45);
        assertThat(intents()).isEmpty();
    }

    @Test
    void noMoreMachinesAreMadeThanTheMaximum() throws Exception {
        provider.addReservations(30);
        try (Shepherd shepherd =
                shepherd(SETTINGS.toBuilder().maxCount(7).chunkSize(5).build())) {
            for (int i = 0; i < 4; i++) {
                shepherd.provisioner(TYPE).step();
            }
        }
        assertThat(recorded()).hasSize(7);
        assertThat(devices()).hasSize(7);
    }

    @Test
    void provisionersThatRunAtOnceNeverExceedTheMaximumTogetherAndMakeNoMachineTwice() throws Exception {
        provider.addReservations(60);
        int replicas = 4;
        ExecutorService executor = Executors.newFixedThreadPool(replicas);
        List<Shepherd> shepherds = new ArrayList<>();
        try {
            List<Callable<Integer>> replicasSteps = new ArrayList<>();
            for (int i = 0; i < replicas; i++) {
                Shepherd shepherd = shepherd(
                        database.openAnother(),
                        SETTINGS.toBuilder().maxCount(33).chunkSize(4).build());
                shepherds.add(shepherd);
                replicasSteps.add(() -> {
                    int created = 0;
                    for (int step = 0; step < 12; step++) {
                        created += shepherd.provisioner(TYPE).step().created().size();
                        assertThat(recorded().size()).isLessThanOrEqualTo(33);
                    }
                    return created;
                });
            }
            int created = 0;
            for (Future<Integer> replica : executor.invokeAll(replicasSteps)) {
                created += replica.get();
            }
            assertThat(created).isEqualTo(33);
        } finally {
            shepherds.forEach(Shepherd::close);
            executor.shutdownNow();
        }
        assertThat(recorded()).hasSize(33);
        assertThat(devices()).hasSize(33);
        assertThat(intents()).isEmpty();
    }

    @Test
    void possiblyUsedMachinesAreUsedIfTheyAreRecordedAndFreeIfNot() throws Exception {
        IntStream.rangeClosed(1, 3).forEach(i -> provider.addMachine(machine("host-" + i, Availability.POSSIBLY_USED)));
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            assertThat(shepherd.provisioner(TYPE).step().created()).hasSize(3);
            assertThat(shepherd.provisioner(TYPE).step().created()).isEmpty();
        }
        assertThat(recorded()).extracting(m -> m.providerId().value()).containsExactly("host-1", "host-2", "host-3");
    }

    @Test
    void anyValidProviderIdIsAccepted() throws Exception {
        String odd = "Rack 7/U12 «süd» 🐑'; drop table machines; --";
        provider.addMachine(machine(odd, Availability.POSSIBLY_USED));
        provider.addMachine(machine("x".repeat(128), Availability.POSSIBLY_USED));
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            assertThat(shepherd.provisioner(TYPE).step().created()).hasSize(2);
        }
        assertThat(recorded()).extracting(m -> m.providerId().value()).contains(odd);
    }

    @Test
    void usedMachinesThatOnlyTheProviderKnowsStopEverythingAndAreAllNamed() throws Exception {
        provider.addReservations(5);
        provider.addMachine(machine("stranger-1", Availability.KNOWN_USED));
        provider.addMachine(machine("stranger-2", Availability.KNOWN_USED));
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            assertThatExceptionOfType(FatalDiscrepancyException.class)
                    .isThrownBy(() -> shepherd.provisioner(TYPE).step())
                    .withMessageContaining("stranger-1")
                    .withMessageContaining("stranger-2")
                    .satisfies(e -> assertThat(e.discrepancies())
                            .extracting(Discrepancy::kind)
                            .containsOnly(Discrepancy.Kind.PROVIDER_ONLY));

            assertThat(shepherd.status().discrepancies().get(TYPE))
                    .extracting(d -> d.providerId().value())
                    .containsExactly("stranger-1", "stranger-2");
            assertThat(provider.calls(Operation.CREATE)).isZero();

            provider.removeMachine(new ProviderID("stranger-1"));
            provider.removeMachine(new ProviderID("stranger-2"));
            assertThat(shepherd.provisioner(TYPE).step().created()).hasSize(5);
            assertThat(shepherd.status().discrepancies()).isEmpty();
        }
        assertThat(EventFeed.of(database.bmdb()).after(EventFeed.START, 1000))
                .extracting(StoredEvent::event)
                .filteredOn(event -> event.machineId().isEmpty())
                .satisfiesExactly(
                        begun -> {
                            assertThat(begun.kind()).isEqualTo(EventKind.DISCREPANCY);
                            assertThat(begun.provider()).contains(TYPE);
                            assertThat(begun.detail("machines")).contains("2");
                            assertThat(begun.detail("named").orElseThrow()).contains("stranger-1", "stranger-2");
                        },
                        ended -> assertThat(ended.kind()).isEqualTo(EventKind.DISCREPANCY_RESOLVED));
    }

    @Test
    void machinesThatOnlyTheDatabaseKnowsStopEverythingAndAreAllNamed() throws Exception {
        provider.addReservations(5);
        record("vanished", ProviderStatus.RUNNING);
        record("freed", ProviderStatus.RUNNING);
        provider.addMachine(machine("freed", Availability.KNOWN_UNUSED));
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            assertThatExceptionOfType(FatalDiscrepancyException.class)
                    .isThrownBy(() -> shepherd.provisioner(TYPE).step())
                    .withMessageContaining("vanished")
                    .withMessageContaining("freed")
                    .satisfies(e -> assertThat(e.discrepancies())
                            .hasSize(2)
                            .extracting(Discrepancy::kind)
                            .containsOnly(Discrepancy.Kind.DATABASE_ONLY));
            assertThat(provider.calls(Operation.CREATE)).isZero();
        }
    }

    @Test
    void failedMachinesAreLeftOutOfADiscrepancyAndNeverChosen() throws Exception {
        provider.addMachine(machine("failed-used", Availability.KNOWN_USED).toBuilder()
                .failed(true)
                .build());
        provider.addMachine(machine("failed-free", Availability.KNOWN_UNUSED).toBuilder()
                .failed(true)
                .build());
        record("failed-recorded", ProviderStatus.RUNNING);
        provider.addMachine(machine("failed-recorded", Availability.KNOWN_UNUSED).toBuilder()
                .failed(true)
                .build());
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            assertThat(shepherd.provisioner(TYPE).step().created()).isEmpty();
        }
        assertThat(recorded()).hasSize(1);
    }

    @Test
    void aFailedMachineThatItsProviderDeletesStopsNothingAndBecomesMissing() throws Exception {
        MachineInfo failed = machine("failed", Availability.KNOWN_USED).toBuilder()
                .failed(true)
                .status(ProviderStatus.UNKNOWN)
                .reservationId("its-reservation")
                .build();
        provider.addMachine(failed);
        record(failed);
        provider.removeMachine(failed.id());
        provider.addMachine(MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED)
                .reservationId("its-reservation")
                .build());
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            assertThat(shepherd.provisioner(TYPE).step().created()).isEmpty();
            assertThat(shepherd.plan(TYPE).provisioning().discrepancyCount()).isZero();

            shepherd.updater(TYPE).step();

            assertThat(recorded())
                    .extracting(ProvidedMachine::status)
                    .containsExactly(Optional.of(ProviderStatus.MISSING));
            assertThat(shepherd.provisioner(TYPE).step().created())
                    .as("its reservation is free again")
                    .hasSize(1);
            assertThat(shepherd.status().discrepancies()).isEmpty();
        }
    }

    @Test
    void aListedMachineThatBreaksARuleIsPassedOverAndNeitherMissingNorCreated() throws Exception {
        provider.addReservations(2);
        record("broken", ProviderStatus.RUNNING);
        provider.addMachine(machine("broken", Availability.KNOWN_USED));
        try (Shepherd shepherd = shepherd(new BreakingProvider(provider, new ProviderID("broken")), SETTINGS)) {
            assertThat(shepherd.provisioner(TYPE).step().created()).hasSize(2);

            ProvisioningOutlook outlook = shepherd.status().provisioning().get(TYPE);
            assertThat(outlook.passedOver()).isEqualTo(1);
            assertThat(outlook.passedOverBecause()).singleElement().asString().contains("broken", "rack");
        }
        assertThat(recorded()).hasSize(3);
    }

    @Test
    void freeMachinesWithoutAnyNameAreCounted() throws Exception {
        Provider nameless = new ShowingProvider(TYPE, visitor -> {
            for (int i = 0; i < 3; i++) {
                visitor.visit(MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED)
                        .build());
            }
        });
        try (Shepherd shepherd = shepherd(nameless, SETTINGS)) {
            shepherd.provisioner(TYPE).step();

            assertThat(shepherd.status().provisioning().get(TYPE).passedOverBecause())
                    .containsExactly("3 free machine(s) have neither an id nor a reservation id");
        }
    }

    @Test
    void whatIsPassedOverIsWarnedOfOnceForAsLongAsItIs() throws Exception {
        AtomicBoolean broken = new AtomicBoolean(true);
        Provider listing = new ShowingProvider(TYPE, visitor -> {
            if (broken.get()) {
                visitor.visit(new Machine() {
                    @Override
                    public ProviderID id() {
                        return new ProviderID("broken");
                    }

                    @Override
                    public Optional<InetAddress> address() {
                        return Optional.of(InetAddress.getLoopbackAddress());
                    }

                    @Override
                    public Availability availability() {
                        return Availability.POSSIBLY_USED;
                    }

                    @Override
                    public Optional<String> location() {
                        return Optional.of("a\0b");
                    }
                });
                visitor.visit(MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED)
                        .build());
            }
        });
        try (Shepherd shepherd = shepherd(listing, SETTINGS)) {
            for (int i = 0; i < 3; i++) {
                shepherd.provisioner(TYPE).step();
            }
            assertThat(warnings("passed over: machine broken breaks a rule")).hasSize(1);
            assertThat(warnings("1 free machine(s) have neither an id nor a reservation id"))
                    .hasSize(1);

            broken.set(false);
            shepherd.provisioner(TYPE).step();
            broken.set(true);
            shepherd.provisioner(TYPE).step();
            assertThat(warnings("passed over: machine broken breaks a rule"))
                    .as("it was mended meanwhile")
                    .hasSize(2);
        }
    }

    @Test
    void whatTheMaximumHoldsBackIsWarnedOfOnceForAsLongAsItIs() throws Exception {
        provider.addReservations(10);
        try (Shepherd shepherd = shepherd(SETTINGS.toBuilder().maxCount(7).build())) {
            for (int i = 0; i < 3; i++) {
                shepherd.provisioner(TYPE).step();
            }
        }
        assertThat(warnings("holds back 3")).hasSize(1);
    }

    private List<String> warnings(String about) {
        return log.at("WARN").stream().filter(line -> line.contains(about)).toList();
    }

    @Test
    void whatTheMaximumHoldsBackIsSaid() throws Exception {
        provider.addReservations(10);
        try (Shepherd shepherd = shepherd(SETTINGS.toBuilder().maxCount(7).build())) {
            shepherd.provisioner(TYPE).step();

            assertThat(shepherd.status().provisioning().get(TYPE).heldBack()).isEqualTo(3);
            assertThat(shepherd.plan(TYPE).provisioning().outlook().heldBack()).isEqualTo(3);
            assertThat(shepherd.provisioner(TYPE).run().waitingFor()).contains("maximum of 7", "holds back 3");
        }
    }

    @Test
    void aProviderThatOnlyTakesNoteOfMachinesHasNoPaceAndNoMaximum() throws Exception {
        FakeProvider cheap = FakeProvider.builder(TYPE).creationCheap(true).build();
        cheap.addReservations(60);
        try (Shepherd shepherd = shepherd(cheap, ProvisionerSettings.DEFAULT)) {
            assertThat(shepherd.provisioner(TYPE).step().created()).hasSize(60);
        }
        cheap.addReservations(5);
        try (Shepherd shepherd =
                shepherd(cheap, ProvisionerSettings.builder().maxCount(62).build())) {
            assertThat(shepherd.provisioner(TYPE).step().created())
                    .as("what is set holds")
                    .hasSize(2);
        }
    }

    @Test
    void aCreationThatConcernsTheMachineOnlyDoesNotHoldUpTheOthers() throws Exception {
        provider.addReservations(3);
        provider.failNext(
                Operation.CREATE,
                ProviderException.builder(Reason.UNAUTHENTICATED, "its controller refuses the password")
                        .scope(Scope.MACHINE)
                        .build());
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            assertThat(shepherd.provisioner(TYPE).step().created()).hasSize(2);
        }
        assertThat(intents()).hasSize(1);
    }

    @Test
    void aMachineThatIsStillBeingCreatedIsNotMissed() throws Exception {
        record("in-creation", ProviderStatus.PROVISIONING);
        provider.addReservations(1);
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            assertThat(shepherd.provisioner(TYPE).step().created()).hasSize(1);
        }
    }

    @Test
    void aMachineWhoseAnswerWasLostIsAdoptedAndNotMadeAgain() throws Exception {
        provider.addReservations(1);
        provider.failNextAfterEffect(Operation.CREATE, new ProviderException(Reason.TRANSIENT, "the answer was lost"));
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            assertThat(shepherd.provisioner(TYPE).step().failed()).isEqualTo(1);
            assertThat(recorded()).isEmpty();
            assertThat(intents()).hasSize(1);

            Reconciliation next = shepherd.provisioner(TYPE).step();

            assertThat(next.adopted()).containsExactly(new ProviderID("device-1"));
        }
        assertThat(provider.calls(Operation.CREATE)).isEqualTo(1);
        assertThat(devices()).hasSize(1);
        assertThat(recorded()).hasSize(1);
        assertThat(intents()).isEmpty();
    }

    @Test
    void aCreationOfUnknownOutcomeIsTriedAgainUnderTheSameIntentAfterItsDelay() throws Exception {
        provider.addReservations(1);
        provider.failNext(Operation.CREATE, new ProviderException(Reason.TRANSIENT, "no answer"));
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            shepherd.provisioner(TYPE).step();
            assertThat(shepherd.provisioner(TYPE).step().created())
                    .as("too early")
                    .isEmpty();
            MachineIntent intent = intents().get(0);
            assertThat(intent.attempts()).isEqualTo(1);
            assertThat(intent.lastError()).contains("no answer");

            database.advance(Duration.ofMinutes(2));

            assertThat(shepherd.provisioner(TYPE).step().created()).hasSize(1);
            assertThat(recorded().get(0).machineId()).isEqualTo(intent.intentId());
        }
    }

    @Test
    void theIntentOfADeadProvisionerIsTakenOver() throws Exception {
        provider.addReservations(2);
        UUID intentId;
        try (BmdbSession dead = database.bmdb().startSession("provisioner", "a host that died")) {
            intentId = Intents.of(database.bmdb(), TYPE)
                    .reserve(dead, 50, List.of("reservation-1"))
                    .get(0)
                    .intentId();
            try (Shepherd shepherd = shepherd(SETTINGS.toBuilder().maxCount(2).build())) {
                assertThat(shepherd.provisioner(TYPE).step().created())
                        .as("the intent counts, and is its holder's")
                        .hasSize(1);
            }
        }
        try (Shepherd shepherd = shepherd(SETTINGS.toBuilder().maxCount(2).build())) {
            assertThat(shepherd.provisioner(TYPE).step().created()).hasSize(1);
        }
        assertThat(recorded()).hasSize(2).extracting(ProvidedMachine::machineId).contains(intentId);
        assertThat(intents()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"NO_CAPACITY", "NOT_FOUND", "NOT_SUPPORTED"})
    void anIntentEndsWhenTheProviderIsSureThatNothingIsMade(Reason reason) throws Exception {
        provider.addReservations(1);
        provider.failNext(
                Operation.CREATE,
                reason == Reason.NO_CAPACITY ? new NoCapacityException("full") : new ProviderException(reason, "no"));
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            assertThat(shepherd.provisioner(TYPE).step().failed()).isEqualTo(1);
        }
        assertThat(intents()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"UNAUTHENTICATED", "RATE_LIMITED"})
    void aProviderThatRefusesUsIsNotAskedForTheRestOfTheChunk(Reason reason) throws Exception {
        provider.addReservations(5);
        provider.failNext(
                Operation.CREATE,
                ProviderException.builder(reason, "go away")
                        .retryAfter(Duration.ofMinutes(3))
                        .build());
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            shepherd.provisioner(TYPE).step();
            assertThat(provider.calls(Operation.CREATE)).isEqualTo(1);
            assertThat(shepherd.provisioner(TYPE).step().created()).hasSize(4);
            database.advance(Duration.ofMinutes(2));
            assertThat(shepherd.provisioner(TYPE).step().created())
                    .as("it asked to be left alone for longer")
                    .isEmpty();
            database.advance(Duration.ofMinutes(2));
            assertThat(shepherd.provisioner(TYPE).step().created()).hasSize(1);
        }
        assertThat(recorded()).hasSize(5);
    }

    @Test
    void aListingThatBreaksTheRulesDecidesNothing() throws Exception {
        Provider doubled = new ListingTwice(provider);
        provider.addMachine(machine("host-1", Availability.POSSIBLY_USED));
        try (Shepherd shepherd = Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(doubled)
                .provisioner(SETTINGS)
                .takeover(target -> {
                    throw new IllegalStateException();
                })
                .build()) {
            assertThatExceptionOfType(ProviderException.class)
                    .isThrownBy(() -> shepherd.provisioner(TYPE).step())
                    .withMessageContaining("host-1 twice");
        }
        assertThat(recorded()).isEmpty();
    }

    @Test
    void theProviderIsNeverCalledByMoreThreadsThanItTakes() throws Exception {
        provider.addReservations(20);
        FakeProvider.Blocked blocked = provider.blockNext(Operation.LIST);
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            Thread other = new Thread(() -> {
                try {
                    shepherd.provisioner(TYPE).step();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            other.start();
            blocked.awaitReached();
            blocked.release();
            shepherd.provisioner(TYPE).step();
            other.join(LIMIT.toMillis());
        }
        assertThat(provider.mostConcurrentCalls()).isEqualTo(1);
    }

    @Test
    void closingInterruptsACallThatHangs() throws Exception {
        provider.addReservations(1);
        FakeProvider.Blocked blocked = provider.blockNext(Operation.LIST);
        Shepherd shepherd = shepherd(SETTINGS);
        shepherd.start();
        blocked.awaitReached();

        shepherd.close();

        assertThat(shepherd.status().loops()).allMatch(loop -> loop.state() == LoopStatus.State.CLOSED);
    }

    @ParameterizedTest
    @EnumSource(Reason.class)
    void whateverReasonAListingFailsForNothingIsCreated(Reason reason) throws Exception {
        provider.addReservations(1);
        provider.failNext(Operation.LIST, new ProviderException(reason, "not listed"));
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            Provisioner provisioner = shepherd.provisioner(TYPE);

            assertThatThrownBy(provisioner::step).hasMessageContaining("not listed");
            assertThat(recorded()).isEmpty();

            provisioner.step();
            assertThat(recorded()).hasSize(1);
        }
    }

    @Test
    void theStatusTellsTheLastErrorAndThatItIsOver() throws Exception {
        provider.failNext(Operation.LIST, new ProviderException(Reason.TRANSIENT, "the API is down"));
        provider.addReservations(1);
        try (Shepherd shepherd = shepherd(SETTINGS)) {
            assertThat(shepherd.status().loops())
                    .allMatch(loop -> loop.state() == LoopStatus.State.NEW
                            && loop.lastRunAt().isEmpty());
            shepherd.start();
            await().atMost(LIMIT).until(() -> recorded().size() == 1);
            await().atMost(LIMIT)
                    .until(() -> shepherd.status().loops().get(0).waitingFor().contains("next reconciliation"));

            LoopStatus status = shepherd.status().loops().get(0);
            assertThat(status.name()).isEqualTo("provisioner");
            assertThat(status.state()).isEqualTo(LoopStatus.State.RUNNING);
            assertThat(status.lastRunAt()).isPresent();
            assertThat(status.lastRunTook()).isPresent();
            assertThat(status.succeeded()).isEqualTo(1);
            assertThat(status.lastError().orElseThrow().message()).contains("the API is down");
            assertThat(status.lastError().orElseThrow().current()).isFalse();
        }
    }

    /** Lists every machine of another provider twice. */
    private record ListingTwice(FakeProvider provider) implements Provider {
        @Override
        public ProviderType type() {
            return provider.type();
        }

        @Override
        public List<? extends dev.shepherd.api.Machine> listMachines() throws InterruptedException {
            List<dev.shepherd.api.Machine> twice = new ArrayList<>(provider.listMachines());
            twice.addAll(provider.listMachines());
            return twice;
        }

        @Override
        public dev.shepherd.api.Machine getMachine(ProviderID id) throws InterruptedException {
            return provider.getMachine(id);
        }

        @Override
        public dev.shepherd.api.Machine createMachine(dev.shepherd.api.Session session, CreateMachineRequest request)
                throws InterruptedException {
            return provider.createMachine(session, request);
        }
    }

    private static MachineInfo machine(String id, Availability availability) {
        return MachineInfo.builder(new ProviderID(id), availability)
                .address(InetAddress.getLoopbackAddress())
                .build();
    }

    private void record(String id, ProviderStatus status) throws InterruptedException {
        record(machine(id, Availability.KNOWN_USED).toBuilder().status(status).build());
    }

    private void record(MachineInfo machine) throws InterruptedException {
        try (BmdbSession session = database.bmdb().startSession("test", "here")) {
            session.inTransaction(tx -> tx.recordMachine(TYPE, CreateMachineRequest.any(UUID.randomUUID()), machine));
        }
    }

    private Shepherd shepherd(ProvisionerSettings settings) {
        return shepherd(database.bmdb(), settings);
    }

    private Shepherd shepherd(Bmdb bmdb, ProvisionerSettings settings) {
        return shepherd(bmdb, provider, settings);
    }

    private Shepherd shepherd(Provider chosen, ProvisionerSettings settings) {
        return shepherd(database.bmdb(), chosen, settings);
    }

    private static Shepherd shepherd(Bmdb bmdb, Provider chosen, ProvisionerSettings settings) {
        return Shepherd.builder()
                .bmdb(bmdb)
                .provider(chosen)
                .provisioner(settings)
                .takeover(target -> {
                    throw new IllegalStateException("nothing is taken over here");
                })
                .initializer(InitializerSettings.builder()
                        .pollInterval(Duration.ofHours(1))
                        .build())
                .build();
    }

    /** The machines that are used, as the provider sees it. */
    private List<MachineInfo> devices() {
        return provider.machines().stream()
                .filter(machine -> machine.availability() == Availability.KNOWN_USED)
                .toList();
    }

    /** As when the jar of a plugin lacks something. */
    @Test
    void anErrorOfThePluginDoesNotEndTheLoop() throws Exception {
        AtomicInteger listings = new AtomicInteger();
        Provider provider = new ShowingProvider(TYPE, visitor -> {
            if (listings.incrementAndGet() == 1) {
                throw new NoClassDefFoundError("com/example/Missing");
            }
        });
        try (Shepherd shepherd = Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(provider)
                .loops(Set.of(LoopKind.PROVISIONER))
                .takeover(target -> {
                    throw new IllegalStateException("nothing is taken over here");
                })
                .build()) {
            shepherd.start();

            await().atMost(LIMIT).until(() -> listings.get() == 2);
            LoopStatus loop = shepherd.status().loops().get(0);
            assertThat(loop.lastError().orElseThrow().message())
                    .contains("NoClassDefFoundError", "com/example/Missing");
            assertThat(loop.state()).isNotEqualTo(LoopStatus.State.CLOSED);
        }
    }

    private List<ProvidedMachine> recorded() throws InterruptedException {
        return database.bmdb().providedMachines(TYPE);
    }

    private List<MachineIntent> intents() throws InterruptedException {
        return Intents.of(database.bmdb(), TYPE).list();
    }
}
