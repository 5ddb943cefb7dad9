package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Eligibility;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.provisioning.Intents;
import dev.shepherd.manager.provisioning.Discrepancy;
import dev.shepherd.manager.provisioning.Discrepancy.Kind;
import dev.shepherd.manager.provisioning.FatalDiscrepancyException;
import dev.shepherd.manager.provisioning.Provisioner;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** How both sides of a fleet are compared; what is done then is in {@link ProvisionerTest}. */
class ReconciliationTest {

    private static final ProviderType TYPE = new ProviderType("lab");

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create(config -> config.sessionInterval(Duration.ofSeconds(60)));

    /** More than one batch of lookups. */
    @Test
    void manyDiscrepanciesAreCountedAndTheFirstOfEachKindAreNamed() throws Exception {
        record(names("lost-", 150), ProviderStatus.RUNNING);
        record(names("common-", 50), ProviderStatus.RUNNING);
        List<MachineInfo> shown = new ArrayList<>();
        names("stranger-", 2100).forEach(name -> shown.add(used(name)));
        names("common-", 50).forEach(name -> shown.add(used(name)));
        try (Shepherd shepherd = shepherd(showing(shown))) {
            FatalDiscrepancyException e = catchThrowableOfType(
                    FatalDiscrepancyException.class,
                    () -> shepherd.provisioner(TYPE).step());

            assertThat(e.count()).isEqualTo(2250);
            assertThat(e.discrepancies()).hasSize(200);
            assertThat(named(e.discrepancies(), Kind.PROVIDER_ONLY))
                    .hasSize(100)
                    .allMatch(id -> id.startsWith("stranger-"));
            assertThat(named(e.discrepancies(), Kind.DATABASE_ONLY))
                    .hasSize(100)
                    .allMatch(id -> id.startsWith("lost-"));
            assertThat(e).hasMessageContaining("2250 machine(s)").hasMessageEndingWith(" and 2050 more");
            assertThat(e.getMessage()).hasSizeLessThan(40_000);
            assertThat(shepherd.status().discrepancies().get(TYPE)).hasSize(200);
            assertThat(shepherd.status().discrepancyCounts()).containsEntry(TYPE, 2250L);
            assertThat(shepherd.provisioner(TYPE).discrepancyCount(Kind.PROVIDER_ONLY))
                    .isEqualTo(2100);
            assertThat(shepherd.provisioner(TYPE).discrepancyCount(Kind.DATABASE_ONLY))
                    .isEqualTo(150);
            assertThat(shepherd.plan(TYPE).provisioning().discrepancyCount()).isEqualTo(2250);
        }
    }

    /** The plain definition, on fleets that hold something of everything. */
    @Test
    void theDiscrepanciesAreThoseOfThePlainDefinition() throws Exception {
        for (int seed = 0; seed < 12; seed++) {
            Random random = new Random(seed);
            ProviderType type = new ProviderType("fleet-" + seed);
            List<MachineInfo> shown = new ArrayList<>();
            Set<String> expected = new HashSet<>();
            List<MachineInfo> recorded = new ArrayList<>();
            for (int i = 0; i < 60; i++) {
                boolean inDatabase = random.nextInt(10) < 6;
                boolean listed = random.nextInt(10) < 8;
                boolean failed = random.nextInt(8) == 0;
                boolean provisioning = random.nextInt(8) == 0;
                boolean beingMade = random.nextInt(6) == 0;
                Availability availability = List.of(
                                Availability.KNOWN_USED, Availability.KNOWN_UNUSED, Availability.POSSIBLY_USED)
                        .get(random.nextInt(3));
                String name = "machine-" + i;
                if (inDatabase) {
                    recorded.add(used(name).toBuilder()
                            .status(provisioning ? ProviderStatus.PROVISIONING : ProviderStatus.RUNNING)
                            .build());
                }
                if (listed) {
                    shown.add(used(name).toBuilder()
                            .availability(availability)
                            .status(beingMade ? ProviderStatus.PROVISIONING : null)
                            .failed(failed)
                            .build());
                }
                if (!inDatabase && listed && availability == Availability.KNOWN_USED && !failed && !beingMade) {
                    expected.add("PROVIDER_ONLY " + name);
                }
                if (inDatabase
                        && !provisioning
                        && (!listed || (availability == Availability.KNOWN_UNUSED && !failed))) {
                    expected.add("DATABASE_ONLY " + name);
                }
            }
            record(type, recorded);
            try (Shepherd shepherd = shepherd(new ShowingProvider(type, visitor -> {
                for (MachineInfo machine : shown) {
                    visitor.visit(machine);
                }
            }))) {
                assertThat(shepherd.plan(type).provisioning().discrepancies())
                        .as("fleet %s", seed)
                        .extracting(found -> found.kind() + " " + found.providerId())
                        .containsExactlyInAnyOrderElementsOf(expected);
            }
        }
    }

    /** Some providers have one word for machines that are made for somebody and machines that are installed again. */
    @Test
    void aUsedMachineThatTheDatabaseDoesNotKnowIsLeftAloneUntilItIsMade() throws Exception {
        FakeProvider provider = FakeProvider.create(TYPE);
        MachineInfo made = MachineInfo.builder(new ProviderID("stranger"), Availability.KNOWN_USED)
                .status(ProviderStatus.PROVISIONING)
                .build();
        provider.addMachine(made);
        provider.addReservations(1);
        try (Shepherd shepherd = shepherd(provider, 0)) {
            assertThat(shepherd.provisioner(TYPE).step().created()).hasSize(1);
            assertThat(database.bmdb().findMachine(TYPE, made.id())).isEmpty();

            provider.addMachine(
                    used("stranger").toBuilder().status(ProviderStatus.RUNNING).build());
            assertThatThrownBy(() -> shepherd.provisioner(TYPE).step())
                    .isInstanceOf(FatalDiscrepancyException.class)
                    .hasMessageContaining("stranger");
        }
    }

    @Test
    void aMachineThatIsBeingMadeForAnIntentIsAdoptedAndTakenOverOnlyOnceItRuns() throws Exception {
        FakeProvider provider = FakeProvider.builder(TYPE).creationSlow(true).build();
        provider.addReservations(1);
        provider.failNextAfterEffect(
                FakeProvider.Operation.CREATE, new ProviderException(Reason.TRANSIENT, "the answer was lost"));
        try (Shepherd shepherd = shepherd(provider, 0);
                BmdbSession session = database.bmdb().startSession("initializer", "a test")) {
            assertThat(shepherd.provisioner(TYPE).step().failed()).isEqualTo(1);

            assertThat(shepherd.provisioner(TYPE).step().adopted()).hasSize(1);
            assertThat(session.claim(WorkProcess.AGENT_START, Eligibility.agentStart(TYPE), 10))
                    .isEmpty();

            provider.finishCreations();
            database.advance(Duration.ofMinutes(31));
            shepherd.updater(TYPE).step();
            assertThat(session.claim(WorkProcess.AGENT_START, Eligibility.agentStart(TYPE), 10))
                    .hasSize(1);
        }
    }

    /** It is recorded as running until the updater looks, so a provider that left it out would stop provisioning. */
    @Test
    void aMachineThatIsReinstalledAndStaysListedIsNoDiscrepancyAndLeftAlone() throws Exception {
        FakeProvider provider = FakeProvider.builder(TYPE).creationSlow(true).build();
        provider.onReinstall(id -> {});
        record(List.of("mine"), ProviderStatus.RUNNING);
        provider.addMachine(
                used("mine").toBuilder().status(ProviderStatus.RUNNING).build());
        provider.reinstallMachine(new ProviderID("mine"));
        try (Shepherd shepherd = shepherd(provider, 0);
                BmdbSession session = database.bmdb().startSession("initializer", "a test")) {
            assertThat(shepherd.provisioner(TYPE).step().listed()).isEqualTo(1);

            database.advance(Duration.ofMinutes(31));
            shepherd.updater(TYPE).step();
            assertThat(session.claim(WorkProcess.AGENT_START, Eligibility.agentStart(TYPE), 10))
                    .isEmpty();
        }
    }

    @Test
    void aReconciliationThatFindsNothingToDoWritesNothing() throws Exception {
        FakeProvider provider = FakeProvider.create(TYPE);
        record(names("used-", 30), ProviderStatus.RUNNING);
        names("used-", 30).forEach(name -> provider.addMachine(used(name)));
        provider.addReservations(5);
        record(List.of("in-creation"), ProviderStatus.PROVISIONING);
        try (Shepherd shepherd = shepherd(provider)) {
            Provisioner provisioner = shepherd.provisioner(TYPE);
            Writes writes = new Writes(database);

            assertThat(provisioner.step().listed()).isEqualTo(35);

            assertThat(writes.taken()).isEmpty();
        }
    }

    @Test
    void aMachineThatIsRecordedWhileTheProviderIsListedIsNoDiscrepancy() throws Exception {
        Provider provider = new ShowingProvider(TYPE, visitor -> {
            record(List.of("new"), ProviderStatus.RUNNING);
            visitor.visit(used("new"));
        });
        try (Shepherd shepherd = shepherd(provider)) {
            assertThat(shepherd.provisioner(TYPE).step().listed()).isEqualTo(1);
        }
    }

    @Test
    void aMachineThatIsForgottenWhileTheProviderIsListedIsNoDiscrepancy() throws Exception {
        record(List.of("old"), ProviderStatus.RUNNING);
        UUID machineId =
                database.bmdb().findMachine(TYPE, new ProviderID("old")).orElseThrow();
        Provider provider = new ShowingProvider(
                TYPE,
                visitor -> OperatorActions.of(database.bmdb(), Actor.program("a test"))
                        .forget(machineId, "a test"));
        try (Shepherd shepherd = shepherd(provider)) {
            assertThat(shepherd.provisioner(TYPE).step().recorded()).isEqualTo(1);
        }
    }

    @Test
    void freeMachinesAreFoundBehindMoreThanABatchThatOthersAreCreating() throws Exception {
        FakeProvider provider = FakeProvider.create(TYPE);
        provider.addReservations(1105);
        try (BmdbSession other = database.bmdb().startSession("provisioner", "another host");
                Shepherd shepherd = shepherd(provider, 0)) {
            Intents.of(database.bmdb(), TYPE).reserve(other, 0, names("reservation-", 1100));

            assertThat(shepherd.plan(TYPE).provisioning().resume()).hasSize(1100);
            assertThat(shepherd.provisioner(TYPE).step().created()).hasSize(5);
            assertThat(Intents.of(database.bmdb(), TYPE).list()).hasSize(1100);
        }
    }

    @Test
    void twoMachinesOfOneIdAreRefusedWhetherOrNotItIsRecorded() throws Exception {
        record(List.of("recorded"), ProviderStatus.RUNNING);
        for (String name : List.of("recorded", "new")) {
            try (Shepherd shepherd = shepherd(showing(List.of(used("recorded"), used(name), used(name))))) {
                assertThat(catchThrowableOfType(
                                dev.shepherd.api.ProviderException.class,
                                () -> shepherd.provisioner(TYPE).step()))
                        .hasMessageContaining(name + " twice");
            }
        }
    }

    private static List<String> named(List<Discrepancy> discrepancies, Kind kind) {
        return discrepancies.stream()
                .filter(discrepancy -> discrepancy.kind() == kind)
                .map(discrepancy -> discrepancy.providerId().value())
                .toList();
    }

    private static List<String> names(String prefix, int count) {
        return IntStream.rangeClosed(1, count).mapToObj(i -> prefix + i).toList();
    }

    private static MachineInfo used(String name) {
        return MachineInfo.builder(new ProviderID(name), Availability.KNOWN_USED)
                .address(InetAddress.getLoopbackAddress())
                .build();
    }

    private static Provider showing(List<MachineInfo> machines) {
        return new ShowingProvider(TYPE, visitor -> {
            for (MachineInfo machine : machines) {
                visitor.visit(machine);
            }
        });
    }

    private void record(List<String> names, ProviderStatus status) throws InterruptedException {
        record(
                TYPE,
                names.stream()
                        .map(name -> used(name).toBuilder().status(status).build())
                        .toList());
    }

    private void record(ProviderType type, List<MachineInfo> machines) throws InterruptedException {
        try (BmdbSession session = database.bmdb().startSession("test", "here")) {
            session.useTransaction(tx -> {
                machines.forEach(
                        machine -> tx.recordMachine(type, CreateMachineRequest.any(UUID.randomUUID()), machine));
            });
        }
    }

    /** At its maximum with the machines of {@link #aReconciliationThatFindsNothingToDoWritesNothing()}. */
    private Shepherd shepherd(Provider provider) {
        return shepherd(provider, 31);
    }

    private Shepherd shepherd(Provider provider, int maxCount) {
        return Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(provider)
                .provisioner(ProvisionerSettings.builder()
                        .maxCount(maxCount)
                        .creationInterval(Duration.ZERO)
                        .build())
                .takeover(target -> {
                    throw new IllegalStateException("nothing is taken over here");
                })
                .build();
    }
}
