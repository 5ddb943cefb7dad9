package dev.shepherd.provider.equinix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.ShepherdException;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.provisioning.Intents;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.equinix.FakeEquinix;
import dev.shepherd.testkit.equinix.Fault;
import dev.shepherd.testkit.equinix.Operation;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What {@link CreationCrashTest} does by killing a process, with faults of the API and of the database. */
class CreationFaultTest {

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    private final FakeEquinix api = FakeEquinix.start();
    private final AtomicInteger failingCommits = new AtomicInteger();

    private static void failNext(FakeEquinix api, Operation operation, String fault) {
        api.failNext(
                operation,
                switch (fault) {
                    case "429" -> Fault.answer(429, "Too many requests", "0");
                    case "500" -> Fault.answer(500, "Internal server error");
                    case "502" -> Fault.answer(502, "Bad gateway");
                    case "dropped before" -> Fault.dropBeforeEffect();
                    case "dropped after" -> Fault.dropAfterEffect();
                    case "late" -> Fault.delay(Duration.ofSeconds(3));
                    default -> throw new IllegalArgumentException(fault);
                });
    }

    @ParameterizedTest
    @ValueSource(strings = {"429", "500", "502", "dropped before", "dropped after", "late"})
    void aFaultOfTheCreationItselfMakesNoSecondDevice(String fault) throws Exception {
        failNext(api, Operation.CREATE_DEVICE, fault);

        reconcile(false);

        assertOneOfEach();
    }

    @ParameterizedTest
    @ValueSource(strings = {"429", "500", "dropped before", "dropped after", "late"})
    void aFaultOfTheListingsBeforeItIsGotOver(String fault) throws Exception {
        failNext(api, Operation.LIST_RESERVATIONS, fault);
        failNext(api, Operation.LIST_DEVICES, fault);
        api.failNext(Operation.LIST_DEVICES, Fault.delay(Duration.ZERO));
        failNext(api, Operation.LIST_DEVICES, fault);

        reconcile(false);

        assertOneOfEach();
    }

    @Test
    void aDeviceThatTheListingDoesNotShowYetIsFoundByItsReservation() throws Exception {
        api.addReservations(3);
        try (EquinixProvider provider = provider();
                Shepherd shepherd = CreationProcess.shepherd(database.bmdb(), provider)) {
            // What is made from now on shows in no listing of devices. The reservation that was used is told by id.
            api.failNext(
                    Operation.CREATE_DEVICE,
                    Fault.runAfterEffect(() -> api.failNext(Operation.LIST_DEVICES, emptyListing())));

            shepherd.provisioner(Equinix.TYPE).step();
        }
        assertThat(api.calls(Operation.CREATE_DEVICE)).isEqualTo(2);
        assertThat(api.calls().stream().filter(call -> call.status() == 422)).hasSize(1);
        assertOneOfEach();
    }

    private static Fault emptyListing() {
        return Fault.answerRaw(
                200, "{\"devices\": [], \"meta\": {\"total\": 0, \"current_page\": 1, \"last_page\": 1}}");
    }

    @Test
    void aDeviceWhoseRecordingFailedIsAdoptedAtTheNextReconciliation() throws Exception {
        failingCommits.set(1);

        reconcile(true);

        assertOneOfEach();
        assertThat(api.calls(Operation.CREATE_DEVICE)).isEqualTo(1);
    }

    @Test
    void aDeviceIsAdoptedThoughNothingIsKnownOfItsReservationAnyMore() throws Exception {
        api.addReservations(1);
        failingCommits.set(1);
        reconcileExpectingFailure();
        assertThat(api.devices()).hasSize(1);

        // Another process, which has nothing in memory; the device is still queued, and so in no listing of machines.
        api.setState(api.devices().get(0).id(), "queued");
        database.advance(Duration.ofHours(2));
        try (EquinixProvider provider = provider();
                Shepherd shepherd = CreationProcess.shepherd(database.openAnother(), provider)) {
            assertThat(provider.listMachines()).isEmpty();
            assertThat(shepherd.provisioner(Equinix.TYPE).step().created()).hasSize(1);
        }
        assertOneOfEach();
        assertThat(machines().get(0).address()).isEmpty();
    }

    private void reconcile(boolean withFailure) throws Exception {
        api.addReservations(3);
        if (withFailure) {
            reconcileExpectingFailure();
        }
        try (EquinixProvider provider = provider();
                Shepherd shepherd = shepherd(provider)) {
            shepherd.provisioner(Equinix.TYPE).step();
            // Had it failed, it would be tried again after a while.
            database.advance(Duration.ofHours(2));
            shepherd.provisioner(Equinix.TYPE).step();
        }
    }

    private void reconcileExpectingFailure() throws Exception {
        try (EquinixProvider provider = provider();
                Shepherd shepherd = shepherd(provider)) {
            shepherd.provisioner(Equinix.TYPE).step();
        } catch (ShepherdException e) {
            // The next one has to cope with what this one left.
        }
        assertThat(machines()).isEmpty();
        assertThat(Intents.of(database.bmdb(), Equinix.TYPE).list()).hasSize(1);
    }

    private Shepherd shepherd(EquinixProvider provider) {
        return CreationProcess.shepherd(
                database.bmdb(),
                new InterceptedProvider(
                        provider,
                        () -> {
                            if (failingCommits.getAndDecrement() > 0) {
                                throw new ShepherdException("the connection to the database broke off");
                            }
                        },
                        () -> {}));
    }

    private EquinixProvider provider() throws InterruptedException {
        return Equinix.provider(api).attemptTimeout(Duration.ofSeconds(1)).build();
    }

    private void assertOneOfEach() throws InterruptedException {
        assertThat(api.devices()).hasSize(1);
        assertThat(machines())
                .extracting(machine -> machine.providerId().value())
                .containsExactly(api.devices().get(0).id().toString());
        assertThat(Intents.of(database.bmdb(), Equinix.TYPE).list()).isEmpty();
    }

    private List<ProvidedMachine> machines() throws InterruptedException {
        return database.bmdb().providedMachines(Equinix.TYPE);
    }

    @AfterEach
    void stop() {
        VendorDescription.checkIfPresent(api.calls());
        api.close();
    }
}
