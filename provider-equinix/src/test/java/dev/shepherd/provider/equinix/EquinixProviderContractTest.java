package dev.shepherd.provider.equinix;

import dev.shepherd.api.Machine;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.Recoverer;
import dev.shepherd.testkit.MutableClock;
import dev.shepherd.testkit.contract.FaultProxy;
import dev.shepherd.testkit.contract.Faults;
import dev.shepherd.testkit.contract.RecovererContract;
import dev.shepherd.testkit.equinix.FakeEquinix;
import dev.shepherd.testkit.equinix.Operation;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;

/** The provider keeps the contract, over an API whose devices take their time. */
class EquinixProviderContractTest extends RecovererContract {

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
    protected boolean release(Machine machine) {
        api.removeDevice(UUID.fromString(machine.id().value()));
        return true;
    }

    @AfterEach
    void stop() {
        proxy.close();
        VendorDescription.checkIfPresent(api.calls());
        api.close();
    }
}
