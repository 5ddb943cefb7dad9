package dev.shepherd.provider.equinix;

import dev.shepherd.api.Machine;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.Recoverer;
import dev.shepherd.testkit.MutableClock;
import dev.shepherd.testkit.contract.ContractFault;
import dev.shepherd.testkit.contract.RecovererContract;
import dev.shepherd.testkit.equinix.FakeEquinix;
import dev.shepherd.testkit.equinix.FakeEquinix.Call;
import dev.shepherd.testkit.equinix.Fault;
import dev.shepherd.testkit.equinix.Operation;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;

/** The provider keeps the contract, over an API whose devices take their time. */
class EquinixProviderContractTest extends RecovererContract {

    private static final Set<Operation> CHANGES = EnumSet.of(Operation.CREATE_DEVICE, Operation.DEVICE_ACTION);
    private static final Set<Operation> ALL = EnumSet.of(
            Operation.LIST_DEVICES,
            Operation.LIST_RESERVATIONS,
            Operation.GET_DEVICE,
            Operation.CREATE_DEVICE,
            Operation.DEVICE_ACTION);

    private Duration patience = Duration.ofSeconds(20);
    private final MutableClock clock = new MutableClock();
    private final FakeEquinix api = FakeEquinix.builder()
            .clock(clock)
            .queued(Duration.ofMinutes(1))
            .provisioning(Duration.ofMinutes(4))
            .start();

    @Override
    protected Recoverer createProvider() throws InterruptedException {
        return Equinix.provider(api)
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
    protected boolean inject(ContractFault fault) {
        switch (fault) {
            case LOST_ANSWER -> CHANGES.forEach(operation -> api.failNext(operation, Fault.dropAfterEffect()));
            case STALE_LISTING -> api.freezeListings();
            case CONFLICT -> failAll(CHANGES, Fault.answer(409, "it is busy"));
            case RATE_LIMITED -> failAll(ALL, Fault.answer(429, "too many requests", "60"));
            case UNAUTHENTICATED -> failAll(ALL, Fault.answer(401, "Invalid authentication token"));
            case UNREACHABLE -> failAll(ALL, Fault.dropBeforeEffect());
            case HANGING -> {
                patience = Duration.ofSeconds(1);
                failAll(ALL, Fault.delay(Duration.ofSeconds(30)));
            }
            case DUPLICATE_MACHINE ->
                failAll(
                        EnumSet.of(Operation.LIST_DEVICES),
                        Fault.answerRaw(
                                200,
                                "{\"devices\": [%1$s, %1$s], \"meta\": {\"total\": 2, \"current_page\": 1, \"last_page\": 1}}"
                                        .formatted(device())));
        }
        return true;
    }

    private static String device() {
        return """
                {"id": "%s", "hostname": "%stwice", "state": "active", "tags": [], "ip_addresses":
                [{"address": "198.18.0.1", "public": true, "address_family": 4, "management": true}]}""".formatted(UUID.nameUUIDFromBytes(new byte[1]), Equinix.PREFIX);
    }

    private void failAll(Set<Operation> operations, Fault fault) {
        for (Operation operation : operations) {
            for (int i = 0; i < 100; i++) {
                api.failNext(operation, fault);
            }
        }
    }

    @Override
    protected void heal() {
        api.clearFaults();
        api.thawListings();
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
                .filter(call -> call.requestBody().contains(action) && hadItsEffect(call))
                .count());
    }

    private static boolean hadItsEffect(Call call) {
        return call.status() == 202 || (call.status() == 0 && call.fault().isPresent());
    }

    @Override
    protected boolean release(Machine machine) {
        api.removeDevice(UUID.fromString(machine.id().value()));
        return true;
    }

    @AfterEach
    void stop() {
        VendorDescription.checkIfPresent(api.calls());
        api.close();
    }
}
