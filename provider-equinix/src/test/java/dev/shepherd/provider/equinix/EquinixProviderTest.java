package dev.shepherd.provider.equinix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.MutableClock;
import dev.shepherd.testkit.equinix.Address;
import dev.shepherd.testkit.equinix.FakeEquinix;
import dev.shepherd.testkit.equinix.FakeEquinix.Call;
import dev.shepherd.testkit.equinix.Fault;
import dev.shepherd.testkit.equinix.Operation;
import dev.shepherd.testkit.provider.FakeSession;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EquinixProviderTest {

    @RegisterExtension
    final LogCapture log = LogCapture.of(EquinixProvider.class.getPackageName() + ".");

    private final MutableClock clock = new MutableClock();
    private final FakeEquinix api = FakeEquinix.builder()
            .clock(clock)
            .queued(Duration.ofMinutes(1))
            .provisioning(Duration.ofMinutes(5))
            .start();
    private final List<AutoCloseable> opened = new ArrayList<>(List.of(api));
    private final FakeSession session = new FakeSession();
    private final UUID intent = UUID.randomUUID();

    @AfterEach
    void close() throws Exception {
        VendorDescription.checkIfPresent(api.calls());
        for (AutoCloseable open : opened) {
            open.close();
        }
    }

    private EquinixProvider provider() throws InterruptedException {
        return open(Equinix.provider(api));
    }

    private EquinixProvider open(EquinixProvider.Builder builder) throws InterruptedException {
        EquinixProvider provider = builder.clock(clock).build();
        opened.add(provider);
        VendorDescription.checkIfPresent(api.calls());
        api.clearCalls();
        return provider;
    }

    private static ProviderID id(UUID device) {
        return new ProviderID(device.toString());
    }

    private static CreateMachineRequest request(UUID intent, UUID reservation) {
        return CreateMachineRequest.of(
                intent,
                MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED)
                        .reservationId(reservation.toString())
                        .build());
    }

    private UUID createActive(EquinixProvider provider, UUID reservation) throws InterruptedException {
        MachineInfo machine = provider.createMachine(session, request(UUID.randomUUID(), reservation));
        clock.advance(Duration.ofMinutes(6));
        return UUID.fromString(machine.id().value());
    }

    private ProviderException failure(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        return catchThrowableOfType(ProviderException.class, call);
    }

    // Listing

    @Test
    void devicesWithThePrefixAreUsedAndFreeReservationsAreUnusedAndNothingElseIsListed() throws Exception {
        List<UUID> reservations = api.addReservations(5);
        api.setProvisionable(reservations.get(1), false);
        api.setSpare(reservations.get(2));
        api.setNeedOfService(reservations.get(3));
        UUID ours = api.addDevice("fleet-a");
        api.addDevice("other-a");

        List<MachineInfo> machines = provider().listMachines();

        assertThat(machines)
                .extracting(MachineInfo::availability)
                .containsExactly(Availability.KNOWN_USED, Availability.KNOWN_UNUSED, Availability.KNOWN_UNUSED);
        assertThat(machines.get(0).id()).isEqualTo(id(ours));
        assertThat(machines.subList(1, 3))
                .extracting(machine -> machine.reservationId().orElseThrow())
                .containsExactly(
                        reservations.get(0).toString(), reservations.get(4).toString());
    }

    @Test
    void aFreeReservationHasAReservationIdAndALocationAndNoIdYet() throws Exception {
        UUID reservation = api.addReservations(1).get(0);

        assertThat(provider().listMachines()).singleElement().satisfies(machine -> {
            assertThat(machine.id()).isEqualTo(ProviderID.INVALID);
            assertThat(machine.availability()).isEqualTo(Availability.KNOWN_UNUSED);
            assertThat(machine.reservationId()).contains(reservation.toString());
            assertThat(machine.location()).contains("fr");
            assertThat(machine.failed()).isFalse();
        });
    }

    @Test
    void aDeviceOfTheFleetSaysAllThatIsKnownOfIt() throws Exception {
        UUID reservation = api.addReservations(1).get(0);
        EquinixProvider provider = provider();
        provider.createMachine(session, request(intent, reservation));
        clock.advance(Duration.ofMinutes(6));

        assertThat(provider.listMachines()).singleElement().satisfies(machine -> {
            assertThat(machine.id()).isEqualTo(id(api.devices().get(0).id()));
            assertThat(machine.availability()).isEqualTo(Availability.KNOWN_USED);
            assertThat(machine.status()).contains(ProviderStatus.RUNNING);
            assertThat(machine.address()).contains(InetAddress.getByName("198.18.0.1"));
            assertThat(machine.reservationId()).contains(reservation.toString());
            assertThat(machine.location()).contains("fr");
            assertThat(machine.intentId()).contains(intent);
        });
    }

    @Test
    void aDeviceThatIsStillBeingMadeIsNotListedAndNeitherIsItsReservation() throws Exception {
        List<UUID> reservations = api.addReservations(2);
        EquinixProvider provider = provider();
        provider.createMachine(session, request(intent, reservations.get(0)));

        for (Duration step : List.of(Duration.ZERO, Duration.ofMinutes(2))) {
            clock.advance(step);
            assertThat(provider.listMachines())
                    .extracting(machine -> machine.reservationId().orElseThrow())
                    .containsExactly(reservations.get(1).toString());
        }
        api.setState(api.devices().get(0).id(), "post_provisioning");
        assertThat(provider.listMachines()).hasSize(1);
        api.setState(api.devices().get(0).id(), "active");
        assertThat(provider.listMachines()).hasSize(2);
    }

    @ParameterizedTest
    @CsvSource({
        "active, RUNNING, false",
        "inactive, STOPPED, false",
        "powering_on, STOPPED, false",
        "powering_off, STOPPED, false",
        "reinstalling, PROVISIONING, false",
        "failed, PROVISIONING_FAILED_PERMANENT, true",
        "deprovisioning, UNKNOWN, false",
        "levitating, UNKNOWN, false",
    })
    void everyStateOfADeviceIsMapped(String state, ProviderStatus status, boolean failed) throws Exception {
        UUID device = api.addDevice("fleet-a");
        api.setState(device, state);
        EquinixProvider provider = provider();

        assertThat(provider.getMachine(id(device)))
                .isEqualTo(provider.listMachines().get(0))
                .satisfies(machine -> {
                    assertThat(machine.status()).contains(status);
                    assertThat(machine.failed()).isEqualTo(failed);
                });
        provider.listMachines();

        assertThat(log.at("WARN"))
                .as("one warning, and only of what is not known")
                .hasSize(status == ProviderStatus.UNKNOWN ? 1 : 0)
                .allMatch(line -> line.equals(
                        "provider equinix: device %s is in the state \"%s\", which this provider does not know"
                                .formatted(device, state)));
    }

    @ParameterizedTest
    @CsvSource({"queued", "provisioning", "post_provisioning"})
    void aDeviceThatIsStillBeingMadeIsDescribedWhenItIsAskedFor(String state) throws Exception {
        UUID device = api.addDevice("fleet-a");
        api.setState(device, state);

        MachineInfo machine = provider().getMachine(id(device));

        assertThat(machine.status()).contains(ProviderStatus.PROVISIONING);
        assertThat(machine.address().isEmpty()).isEqualTo(state.equals("queued"));
    }

    @Test
    void aDeletedDeviceIsNoMachineAnyMore() throws Exception {
        UUID device = api.addDevice("fleet-a");
        api.setState(device, "deleted");
        EquinixProvider provider = provider();

        assertThat(DeviceMapper.status("deleted")).isEqualTo(ProviderStatus.MISSING);
        assertThat(provider.listMachines()).isEmpty();
        assertThat(failure(() -> provider.getMachine(id(device))).reason()).isEqualTo(Reason.NOT_FOUND);
    }

    @Test
    void aPublicIpv4AddressComesBeforeAPublicIpv6OneAndPrivateOnesAreUsedOnlyIfAllowed() throws Exception {
        UUID device = api.addDevice("fleet-a");
        Address v4 = new Address(InetAddress.getByName("203.0.113.5"), true);
        Address v6 = new Address(InetAddress.getByName("2001:db8::5"), true);
        Address internal = new Address(InetAddress.getByName("10.0.0.5"), false);
        EquinixProvider provider = provider();
        EquinixProvider lenient = open(Equinix.provider(api).privateAddresses(true));

        api.setAddresses(device, List.of(internal, v6, v4));
        assertThat(provider.getMachine(id(device)).address()).contains(v4.address());
        api.setAddresses(device, List.of(internal, v6));
        assertThat(provider.getMachine(id(device)).address()).contains(v6.address());
        assertThat(lenient.getMachine(id(device)).address()).contains(v6.address());
        api.setAddresses(device, List.of(internal));
        assertThat(lenient.getMachine(id(device)).address()).contains(internal.address());

        assertThat(provider.listMachines()).singleElement().satisfies(machine -> {
            assertThat(machine.address()).isEmpty();
            assertThat(machine.status()).contains(ProviderStatus.UNKNOWN);
        });
        assertThat(log.at("WARN"))
                .singleElement()
                .asString()
                .contains("has no address that may be used", "use-private-addresses");
    }

    @Test
    void anAddressIsReadWithoutAskingANameServer() {
        assertThat(DeviceMapper.parse("198.51.100.7")).isPresent();
        assertThat(DeviceMapper.parse("2001:db8::7")).isPresent();
        for (String text : new String[] {"localhost", "999.1.1.1", "1.2.3", "::g", "12", "", ":::", null}) {
            assertThat(DeviceMapper.parse(text)).as(text).isEmpty();
        }
    }

    @Test
    void reservationsAreListedEveryQuarterOfAnHourAndDevicesEveryTime() throws Exception {
        api.addReservations(3);
        EquinixProvider provider = provider();

        provider.listMachines();
        api.addReservations(1);
        clock.advance(Duration.ofMinutes(14));
        assertThat(provider.listMachines()).hasSize(3);
        assertThat(api.calls(Operation.LIST_RESERVATIONS)).isEqualTo(1);
        assertThat(api.calls(Operation.LIST_DEVICES)).isEqualTo(2);

        clock.advance(Duration.ofMinutes(1));
        assertThat(provider.listMachines()).hasSize(4);
        assertThat(api.calls(Operation.LIST_RESERVATIONS)).isEqualTo(2);
    }

    @Test
    void aReservationThatSomebodyElseHasUsedIsNotListedAlthoughItWasFreeWhenReservationsWereListed() throws Exception {
        List<UUID> reservations = api.addReservations(2);
        EquinixProvider provider = provider();
        assertThat(provider.listMachines()).hasSize(2);

        open(Equinix.provider(api).devicePrefix("others-"))
                .createMachine(session, request(intent, reservations.get(0)));

        assertThat(provider.listMachines())
                .extracting(machine -> machine.reservationId().orElseThrow())
                .containsExactly(reservations.get(1).toString());
    }

    @Test
    void allPagesAreListed() throws Exception {
        api.addReservations(23);
        for (int i = 0; i < 17; i++) {
            api.addDevice("fleet-" + i);
        }
        assertThat(open(Equinix.provider(api).pageSize(5)).listMachines()).hasSize(40);
        assertThat(api.calls(Operation.LIST_DEVICES)).isEqualTo(4);
        assertThat(api.calls(Operation.LIST_RESERVATIONS)).isEqualTo(5);
    }

    // One machine

    @Test
    void oneMachineIsAskedForByOneCall() throws Exception {
        UUID device = api.addDevice("fleet-a");
        api.addDevice("fleet-b");
        EquinixProvider provider = provider();

        assertThat(provider.getMachine(id(device)).id()).isEqualTo(id(device));

        assertThat(api.calls()).extracting(Call::path).containsExactly("/devices/" + device);
    }

    @Test
    void whatIsNoMachineOfTheFleetIsNotFound() throws Exception {
        UUID foreign = api.addDevice("other-a");
        EquinixProvider provider = provider();

        for (ProviderID id : List.of(
                ProviderID.INVALID,
                new ProviderID("rack1-07"),
                new ProviderID("1-1-1-1-1"),
                new ProviderID(foreign.toString().toUpperCase(java.util.Locale.ROOT)),
                id(UUID.randomUUID()),
                id(foreign))) {
            assertThat(failure(() -> provider.getMachine(id)).reason()).isEqualTo(Reason.NOT_FOUND);
            assertThat(failure(() -> provider.rebootMachine(id)).reason()).isEqualTo(Reason.NOT_FOUND);
            assertThat(failure(() -> provider.reinstallMachine(id)).reason()).isEqualTo(Reason.NOT_FOUND);
        }
        assertThat(api.calls(Operation.DEVICE_ACTION)).isZero();
    }

    // Creation

    @Test
    void aDeviceIsMadeWithPrefixTagAndKeyAndRecordedBeforeItIsReady() throws Exception {
        UUID reservation = api.addReservations(1).get(0);

        MachineInfo machine = provider().createMachine(session, request(intent, reservation));

        assertThat(api.devices()).singleElement().satisfies(device -> {
            assertThat(device.hostname())
                    .isEqualTo("fleet-" + reservation.toString().substring(0, 18));
            assertThat(device.tags()).containsExactly("shepherd-intent=" + intent);
            assertThat(device.sshKeys()).containsExactly(Equinix.KEY);
            assertThat(device.reservationId()).contains(reservation);
            assertThat(device.operatingSystem()).isEqualTo("ubuntu_24_04");
            assertThat(device.state()).isEqualTo("queued");
        });
        assertThat(machine.status()).contains(ProviderStatus.PROVISIONING);
        assertThat(machine.address()).isEmpty();
        assertThat(session.recorded()).containsExactly(new FakeSession.Recorded(intent, Equinix.TYPE, machine));
    }

    @Test
    void theSameIntentMakesOneDeviceHoweverOftenItIsAskedFor() throws Exception {
        UUID reservation = api.addReservations(2).get(0);
        EquinixProvider provider = provider();

        MachineInfo first = provider.createMachine(session, request(intent, reservation));
        assertThat(provider.createMachine(session, request(intent, reservation)))
                .isEqualTo(first);
        assertThat(provider().createMachine(session, request(intent, reservation)))
                .isEqualTo(first);

        assertThat(api.devices()).hasSize(1);
        assertThat(api.calls(Operation.CREATE_DEVICE)).isZero();
    }

    @Test
    void theTagAloneTellsThatTheDeviceIsThereEvenIfAnyReservationWillDo() throws Exception {
        api.addReservations(2);
        EquinixProvider provider = provider();

        MachineInfo first = provider.createMachine(session, CreateMachineRequest.any(intent));

        assertThat(provider.createMachine(session, CreateMachineRequest.any(intent)))
                .isEqualTo(first);
        assertThat(api.devices()).hasSize(1);
        assertThat(api.calls(Operation.CREATE_DEVICE)).isEqualTo(1);
    }

    @Test
    void aCandidateThatIsNoLongerListedIsFoundByItsIntentOrRefused() throws Exception {
        UUID reservation = api.addReservations(1).get(0);
        EquinixProvider provider = provider();
        MachineInfo made = provider.createMachine(session, request(intent, reservation));
        // As the manager asks for a candidate that has vanished from the listing: by the reservation in both places.
        CreateMachineRequest vanished = CreateMachineRequest.of(
                intent,
                MachineInfo.builder(new ProviderID(reservation.toString()), Availability.KNOWN_UNUSED)
                        .reservationId(reservation.toString())
                        .build());

        assertThat(provider.createMachine(session, vanished)).isEqualTo(made);

        CreateMachineRequest another =
                CreateMachineRequest.of(UUID.randomUUID(), vanished.machine().orElseThrow());
        assertThatExceptionOfType(NoCapacityException.class)
                .isThrownBy(() -> provider.createMachine(session, another))
                .withMessageContaining("is not free: device " + made.id() + " is on it");
        assertThat(api.devices()).hasSize(1);
    }

    @Test
    void withoutAMachineInTheRequestAnyFreeReservationIsTaken() throws Exception {
        api.addReservations(2);
        EquinixProvider provider = provider();

        provider.createMachine(session, CreateMachineRequest.any(intent));
        provider.createMachine(session, CreateMachineRequest.any(UUID.randomUUID()));

        assertThatExceptionOfType(NoCapacityException.class)
                .isThrownBy(() -> provider.createMachine(session, CreateMachineRequest.any(UUID.randomUUID())));
        assertThat(api.devices()).hasSize(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"00000000-0000-0000-0000-000000000001", "rack1-07"})
    void aReservationThatDoesNotExistIsNoCapacity(String reservation) throws Exception {
        EquinixProvider provider = provider();
        CreateMachineRequest request = CreateMachineRequest.of(
                intent,
                MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED)
                        .reservationId(reservation)
                        .build());

        assertThatExceptionOfType(NoCapacityException.class).isThrownBy(() -> provider.createMachine(session, request));
        assertThat(api.calls(Operation.CREATE_DEVICE)).isZero();
    }

    @Test
    void aReservationThatFailedIsLeftOutForAnHourAtEveryListing() throws Exception {
        List<UUID> reservations = api.addReservations(2);
        EquinixProvider provider = provider();
        assertThat(provider.listMachines()).hasSize(2);
        api.failNext(Operation.CREATE_DEVICE, Fault.answer(422, "the hardware does not answer"));

        ProviderException refused =
                failure(() -> provider.createMachine(session, request(intent, reservations.get(0))));
        assertThat(refused.reason()).isEqualTo(Reason.PERMANENT);
        assertThat(refused).hasMessageEndingWith("the API answers 422: the hardware does not answer");

        assertThat(provider.listMachines())
                .as("at once, without listing the reservations anew")
                .hasSize(1);
        assertThatExceptionOfType(NoCapacityException.class)
                .isThrownBy(() -> provider.createMachine(session, request(intent, reservations.get(0))))
                .withMessageContaining("failed and is left out until 2030-01-01T13:00:00Z");
        clock.advance(Duration.ofMinutes(59));
        assertThat(provider.listMachines()).as("after a refresh").hasSize(1);
        clock.advance(Duration.ofMinutes(1));
        assertThat(provider.listMachines())
                .as("after an hour, without a refresh")
                .hasSize(2);
        assertThat(provider.createMachine(session, request(intent, reservations.get(0))))
                .isNotNull();
    }

    @Test
    void aReservationThatSomebodyElseWasQuickerWithIsNoCapacity() throws Exception {
        UUID reservation = api.addReservations(1).get(0);
        EquinixProvider provider = provider();
        provider.listMachines();
        open(Equinix.provider(api).devicePrefix("others-"))
                .createMachine(session, request(UUID.randomUUID(), reservation));

        assertThatExceptionOfType(NoCapacityException.class)
                .isThrownBy(() -> provider.createMachine(session, request(intent, reservation)));
        assertThat(api.devices()).hasSize(1);
    }

    @Test
    void aReservationWhoseDeviceCannotBeSeenMayHaveTheOneThatIsWanted() throws Exception {
        UUID reservation = api.addReservations(1).get(0);
        EquinixProvider provider = provider();
        MachineInfo made = provider.createMachine(session, request(intent, reservation));
        String nothing = "{\"devices\": [], \"meta\": {\"total\": 0, \"current_page\": 1, \"last_page\": 1}}";
        api.failNext(Operation.LIST_DEVICES, Fault.answerRaw(200, nothing));
        api.failNext(Operation.GET_DEVICE, Fault.answer(404, "Not found"));

        assertThat(failure(() -> provider.createMachine(session, request(intent, reservation)))
                        .reason())
                .isEqualTo(Reason.TRANSIENT);

        api.failNext(Operation.LIST_DEVICES, Fault.answerRaw(200, nothing));
        assertThat(provider.createMachine(session, request(intent, reservation)))
                .isEqualTo(made);
        assertThat(api.devices()).hasSize(1);
    }

    @Test
    void aCreationWhoseOutcomeStaysUnknownIsTransientWhateverWasSaidLast() throws Exception {
        UUID reservation = api.addReservations(1).get(0);
        EquinixProvider provider = provider();
        provider.listMachines();
        api.failNext(Operation.CREATE_DEVICE, Fault.dropBeforeEffect());
        api.failNext(Operation.LIST_DEVICES, Fault.delay(Duration.ZERO)); // It looks whether there is one before.
        api.failNext(Operation.LIST_DEVICES, Fault.answer(403, "You are not authorized"));

        ProviderException failure = failure(() -> provider.createMachine(session, request(intent, reservation)));

        assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
        assertThat(failure)
                .hasMessageContaining("it is unknown whether creating a device")
                .hasMessageContaining("You are not authorized");
    }

    @Test
    void aDeviceThatIsBeingTakenDownIsNotTakenForTheOneThatIsWanted() throws Exception {
        UUID reservation = api.addReservations(1).get(0);
        EquinixProvider provider = provider();
        provider.createMachine(session, request(intent, reservation));
        UUID device = api.devices().get(0).id();

        api.setState(device, "deprovisioning");
        assertThat(failure(() -> provider.createMachine(session, request(intent, reservation)))
                        .reason())
                .isEqualTo(Reason.CONFLICT);
    }

    @Test
    void aDeviceThatWouldBeListedByNobodyIsNotRecorded() throws Exception {
        UUID reservation = api.addReservations(1).get(0);
        provider().createMachine(session, request(intent, reservation));
        EquinixProvider renamed = open(Equinix.provider(api).devicePrefix("another-"));

        ProviderException failure = failure(() -> renamed.createMachine(session, request(intent, reservation)));

        assertThat(failure.reason()).isEqualTo(Reason.PERMANENT);
        assertThat(failure).hasMessageContaining("has no hostname with the prefix \"another-\" any more");
    }

    // Recovery

    @Test
    void aRebootReturnsWhenTheApiHasAcceptedIt() throws Exception {
        EquinixProvider provider = provider();
        UUID device = createActive(provider, api.addReservations(1).get(0));
        api.clearCalls();

        provider.rebootMachine(id(device));

        assertThat(api.calls())
                .extracting(call -> call.method() + " " + call.path() + " " + call.requestBody())
                .containsExactly(
                        "GET /devices/" + device + " ", "POST /devices/" + device + "/actions {\"type\":\"reboot\"}");
    }

    @ParameterizedTest
    @ValueSource(strings = {"500", "dropped before", "dropped after", "late"})
    void aRebootOfUnknownOutcomeIsNotRepeated(String fault) throws Exception {
        EquinixProvider provider = open(Equinix.provider(api).attemptTimeout(Duration.ofMillis(500)));
        UUID device = createActive(provider, api.addReservations(1).get(0));
        api.failNext(
                Operation.DEVICE_ACTION,
                switch (fault) {
                    case "500" -> Fault.answer(500, "Internal server error");
                    case "dropped before" -> Fault.dropBeforeEffect();
                    case "dropped after" -> Fault.dropAfterEffect();
                    default -> Fault.delay(Duration.ofSeconds(2));
                });

        assertThat(failure(() -> provider.rebootMachine(id(device))).reason()).isEqualTo(Reason.TRANSIENT);
        await().until(() -> api.calls(Operation.DEVICE_ACTION) == 1);
    }

    @Test
    void aDeviceInTransitionIsRebootedWhenItIsReadyForIt() throws Exception {
        EquinixProvider provider = provider();
        UUID device = createActive(provider, api.addReservations(1).get(0));
        api.failNext(Operation.DEVICE_ACTION, Fault.answer(409, "the device is in transition"));

        provider.rebootMachine(id(device));

        assertThat(api.calls(Operation.DEVICE_ACTION)).isEqualTo(2);
    }

    @Test
    void aReinstallationUsesTheConfiguredOperatingSystem() throws Exception {
        EquinixProvider provider = open(Equinix.provider(api).operatingSystem("debian_12"));
        UUID device = createActive(provider, api.addReservations(1).get(0));
        assertThat(provider.getMachine(id(device)).status()).contains(ProviderStatus.RUNNING);

        provider.reinstallMachine(id(device));

        assertThat(provider.listMachines()).singleElement().satisfies(machine -> {
            assertThat(machine.id()).isEqualTo(id(device));
            assertThat(machine.status()).contains(ProviderStatus.PROVISIONING);
        });
        assertThat(api.devices().get(0).operatingSystem()).isEqualTo("debian_12");
        clock.advance(Duration.ofMinutes(5));
        assertThat(provider.getMachine(id(device)).status()).contains(ProviderStatus.RUNNING);
    }

    // Life

    @Test
    void nothingIsLeftAfterItIsClosed() throws Exception {
        EquinixProvider provider = provider();
        provider.listMachines();
        provider.close();
        provider.close();

        assertThat(catchThrowable(provider::listMachines)).isInstanceOf(IllegalStateException.class);
        await().until(() -> Thread.getAllStackTraces().keySet().stream()
                .noneMatch(thread -> thread.getName().startsWith("shepherd-provider-equinix")
                        || thread.getName().startsWith("HttpClient-")));
    }

    @Test
    void itTakesThreeCallsAtOnceUnlessItIsToldOtherwise() throws Exception {
        assertThat(provider().maxConcurrentCalls()).isEqualTo(3);
        assertThat(open(Equinix.provider(api).maxConcurrentCalls(7)).maxConcurrentCalls())
                .isEqualTo(7);
        assertThat(provider().type()).isEqualTo(Equinix.TYPE);
        assertThat(provider().toString()).contains(api.projectId().toString()).doesNotContain(api.token());
    }
}
