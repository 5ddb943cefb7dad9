package dev.shepherd.provider.equinix;

import dev.shepherd.api.Availability;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.Recoverer;
import dev.shepherd.provider.support.AddressLiteral;
import dev.shepherd.testkit.MutableClock;
import dev.shepherd.testkit.contract.FaultProxy;
import dev.shepherd.testkit.contract.Faults;
import dev.shepherd.testkit.contract.OutsideChange;
import dev.shepherd.testkit.contract.RecovererContract;
import dev.shepherd.testkit.equinix.Address;
import dev.shepherd.testkit.equinix.Device;
import dev.shepherd.testkit.equinix.FakeEquinix;
import dev.shepherd.testkit.equinix.Operation;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;

/** The provider keeps the contract, over an API whose devices take their time. */
class EquinixProviderContractTest extends RecovererContract {

    /** For how long free reservations are remembered; until then one is refused only when it is to be used. */
    private static final Duration RESERVATION_CACHE = Duration.ofMinutes(15);

    private static final InetAddress PRIVATE = AddressLiteral.address("10.7.7.7");
    private static final InetAddress PUBLIC = AddressLiteral.address("198.18.7.7");

    private final MutableClock clock = new MutableClock();
    private final FakeEquinix api = FakeEquinix.builder()
            .clock(clock)
            .queued(Duration.ofMinutes(1))
            .provisioning(Duration.ofMinutes(4))
            .start();
    private final FaultProxy proxy = FaultProxy.builder(api.endpoint())
            .listing("/projects/" + api.projectId() + "/devices")
            .listing("/projects/" + api.projectId() + "/hardware-reservations")
            // The key is looked for as a provider is made: without it there is none to test.
            .spared(request -> request.path().contains("ssh-keys"))
            .start();

    @Override
    protected Recoverer createProvider() throws InterruptedException {
        // It repeats what fails for a while, for all of this time where nothing can be reached.
        return provider(Duration.ofSeconds(3));
    }

    @Override
    protected Recoverer createImpatientProvider() throws InterruptedException {
        return provider(Duration.ofMillis(500));
    }

    private Recoverer provider(Duration patience) throws InterruptedException {
        return Equinix.provider(api)
                .endpoint(proxy.uri())
                .pageSize(2)
                .clock(clock)
                .attemptTimeout(patience)
                .totalTimeout(patience)
                .build();
    }

    @Override
    protected void addFreeMachines(int count) {
        api.addReservations(count);
    }

    @Override
    protected void finishCreations() {
        clock.advance(Duration.ofMinutes(6));
        for (Device device : api.devices()) {
            api.setAddresses(device.id(), List.of(new Address(PRIVATE, false), new Address(PUBLIC, true)));
        }
    }

    @Override
    protected Optional<Faults> faults() {
        return Optional.of(proxy);
    }

    @Override
    protected List<String> secrets() {
        return List.of(api.token());
    }

    @Override
    protected Duration callLimit() {
        return Duration.ofSeconds(30);
    }

    @Override
    protected OptionalInt timesRebooted(ProviderID id) {
        return times("\"reboot\"", id);
    }

    @Override
    protected OptionalInt timesReinstalled(ProviderID id) {
        return times("\"reinstall\"", id);
    }

    private OptionalInt times(String action, ProviderID id) {
        return OptionalInt.of((int) api.calls().stream()
                .filter(call -> call.operation() == Operation.DEVICE_ACTION
                        && call.path().contains(id.value()))
                .filter(call -> call.requestBody().contains(action) && call.status() == 202)
                .count());
    }

    @Override
    protected Optional<MachineInfo> outside(ProviderID id) {
        Device device = device(id).orElseThrow();
        MachineInfo.Builder machine = MachineInfo.builder(id, Availability.KNOWN_USED)
                .status(ProviderStatus.PROVISIONING)
                .reservationId(device.reservationId().orElseThrow().toString());
        if (device.state().equals("active")) {
            machine.address(PUBLIC).status(ProviderStatus.RUNNING);
        }
        return Optional.of(machine.build());
    }

    private Optional<Device> device(ProviderID id) {
        return api.devices().stream()
                .filter(device -> device.id().toString().equals(id.value()))
                .findFirst();
    }

    /** A free machine is a reservation: it has neither an address nor much else that could make no sense. */
    @Override
    protected boolean change(Machine machine, OutsideChange change) {
        Optional<UUID> device = device(machine.id()).map(Device::id);
        Optional<UUID> reservation =
                device.isPresent() ? Optional.empty() : machine.reservationId().map(UUID::fromString);
        if (reservation.isPresent()) {
            clock.advance(RESERVATION_CACHE);
        }
        switch (change) {
            case FAILED -> reservation.ifPresent(api::setNeedOfService);
            case FOREIGN -> {
                device.ifPresent(api::moveDevice);
                reservation.ifPresent(id -> api.setProvisionable(id, false));
            }
            case GONE -> {
                device.ifPresent(api::removeDevice);
                reservation.ifPresent(id -> api.setProvisionable(id, false));
            }
            case STOPPED -> device.ifPresent(id -> api.setState(id, "inactive"));
            case IN_CREATION -> device.ifPresent(id -> api.setState(id, "provisioning"));
            case WITHOUT_ADDRESS, MALFORMED -> {
                return false;
            }
        }
        return true;
    }

    @Override
    protected List<ProviderID> otherNames(Machine machine) {
        return device(machine.id()).stream()
                .flatMap(device ->
                        Stream.of(device.hostname(), device.id().toString().toUpperCase(Locale.ROOT)))
                .map(ProviderID::new)
                .toList();
    }

    @Override
    protected boolean release(Machine machine) {
        Optional<Device> device = device(machine.id());
        device.map(Device::id).ifPresent(api::removeDevice);
        return device.isPresent();
    }

    @AfterEach
    void stop() {
        proxy.close();
        VendorDescription.checkIfPresent(api.calls());
        api.close();
    }
}
