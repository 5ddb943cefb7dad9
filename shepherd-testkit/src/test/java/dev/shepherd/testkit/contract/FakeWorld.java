package dev.shepherd.testkit.contract;

import dev.shepherd.api.Availability;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.testkit.provider.FakeProvider;
import dev.shepherd.testkit.provider.FakeProvider.Blocked;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A {@link FakeProvider} as the fixtures of this package use it. Each of its calls is one request: a look or a change.
 */
final class FakeWorld implements Faults {

    private static final Duration RETRY_AFTER = Duration.ofSeconds(7);

    private static final Map<Step, List<Operation>> OPERATIONS = Map.of(
            Step.READ, List.of(Operation.LIST, Operation.GET),
            Step.CHANGE, List.of(Operation.CREATE, Operation.REBOOT, Operation.REINSTALL));

    final FakeProvider provider;
    private final Map<ProviderID, Integer> reboots = new HashMap<>();
    private final Map<ProviderID, Integer> reinstallations = new HashMap<>();
    private final List<Blocked> blocked = new ArrayList<>();
    private final Map<Operation, Long> awaited = new EnumMap<>(Operation.class);
    private boolean impatient;

    FakeWorld(int maxConcurrentCalls) {
        this(maxConcurrentCalls, true);
    }

    FakeWorld(int maxConcurrentCalls, boolean reinstalls) {
        this(maxConcurrentCalls, reinstalls, false);
    }

    FakeWorld(int maxConcurrentCalls, boolean reinstalls, boolean creationSlow) {
        provider = FakeProvider.builder(new ProviderType("fake"))
                .maxConcurrentCalls(maxConcurrentCalls)
                .listingCheap(true)
                .creationSlow(creationSlow)
                .build();
        provider.onReboot(id -> reboots.merge(id, 1, Integer::sum));
        if (reinstalls) {
            provider.onReinstall(id -> reinstallations.merge(id, 1, Integer::sum));
        }
    }

    FakeProvider open() {
        provider.reopen();
        impatient = false;
        return provider;
    }

    /** Opens it with so little patience that a call which hangs fails at once. */
    void impatient() {
        impatient = true;
    }

    /** Adds free machines that have ids and addresses before they are created. */
    void addMachines(int count) {
        for (int i = 1; i <= count; i++) {
            try {
                provider.addMachine(MachineInfo.builder(new ProviderID("machine-" + i), Availability.KNOWN_UNUSED)
                        .address(InetAddress.getByName("192.0.2." + i))
                        .sshPort(2200 + i)
                        .location("rack 1")
                        .build());
            } catch (UnknownHostException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    OptionalInt reboots(ProviderID id) {
        return OptionalInt.of(reboots.getOrDefault(id, 0));
    }

    OptionalInt reinstallations(ProviderID id) {
        return OptionalInt.of(reinstallations.getOrDefault(id, 0));
    }

    // The outside view.

    Optional<MachineInfo> find(ProviderID id) {
        return provider.machines().stream()
                .filter(machine -> machine.id().equals(id))
                .findFirst();
    }

    boolean change(Machine machine, OutsideChange change) {
        Optional<MachineInfo> found = find(machine.id());
        if (found.isEmpty()) {
            return false; // A reservation, which has no id.
        }
        MachineInfo.Builder changed = found.get().toBuilder();
        switch (change) {
            case FAILED -> provider.addMachine(changed.failed(true).build());
            case WITHOUT_ADDRESS -> provider.addMachine(changed.address(null).build());
            case STOPPED ->
                provider.addMachine(changed.status(ProviderStatus.STOPPED).build());
            case IN_CREATION ->
                provider.addMachine(changed.status(ProviderStatus.PROVISIONING).build());
            case FOREIGN, GONE, MALFORMED -> provider.removeMachine(machine.id());
        }
        return true;
    }

    static List<ProviderID> otherNames(Machine machine) {
        return machine.id().isValid()
                ? List.of(new ProviderID(machine.id().value().toUpperCase(Locale.ROOT)))
                : List.of();
    }

    // Faults.

    @Override
    public boolean inject(ContractFault fault) {
        return switch (fault) {
            case LOST_ANSWER -> {
                for (Operation operation : OPERATIONS.get(Step.CHANGE)) {
                    provider.failNextAfterEffect(operation, failure(Reason.TRANSIENT, "the answer was lost"));
                }
                yield true;
            }
            case STALE_LISTING -> {
                provider.freezeListing();
                yield true;
            }
            case DUPLICATE_MACHINE -> false;
            case CONFLICT -> {
                for (Operation operation : OPERATIONS.get(Step.CHANGE)) {
                    provider.failAll(operation, failure(Reason.CONFLICT, "it is busy"));
                }
                yield true;
            }
            case RATE_LIMITED -> failAll(rateLimited());
            case UNAUTHENTICATED -> failAll(failure(Reason.UNAUTHENTICATED, "who are you?"));
            case UNREACHABLE -> failAll(failure(Reason.TRANSIENT, "there is no answer"));
            case HANGING -> {
                for (int i = 0; i < 2; i++) {
                    provider.delayNext(Operation.LIST, Duration.ofSeconds(3));
                }
                yield true;
            }
        };
    }

    @Override
    public boolean inject(RequestFault fault, Step step, int number) {
        heal();
        for (Operation operation : await(step, number)) {
            switch (fault) {
                case ANSWER_LOST, ANSWER_CUT, RESET ->
                    provider.failNextAfterEffect(operation, failure(Reason.TRANSIENT, "there is no answer"));
                case REFUSED -> provider.failNext(operation, failure(Reason.PERMANENT, "refused"));
                case CONFLICT -> provider.failNext(operation, failure(Reason.CONFLICT, "it is busy"));
                case RATE_LIMITED -> provider.failNext(operation, rateLimited());
                case UNAVAILABLE -> provider.failNext(operation, failure(Reason.TRANSIENT, "not now"));
                case HANGS_BEFORE, HANGS_AFTER, HANGS_AFTER_HEAD -> hang(operation, fault);
            }
        }
        return true;
    }

    private void hang(Operation operation, RequestFault fault) {
        if (!impatient) {
            blocked.add(provider.blockNext(operation));
        } else if (fault.isEffective()) {
            provider.failNextAfterEffect(operation, failure(Reason.TRANSIENT, "there was no answer in time"));
        } else {
            provider.failNext(operation, failure(Reason.TRANSIENT, "there was no answer in time"));
        }
    }

    /** Returns the operations of a step, each with its calls before the awaited one let through. */
    private List<Operation> await(Step step, int number) {
        List<Operation> operations = OPERATIONS.get(step);
        awaited.clear();
        for (Operation operation : operations) {
            for (int i = 1; i < number; i++) {
                provider.delayNext(operation, Duration.ZERO);
            }
            awaited.put(operation, provider.calls(operation) + number);
        }
        return operations;
    }

    @Override
    public boolean before(Step step, int number, Action action) {
        heal();
        for (Operation operation : await(step, number)) {
            Blocked block = provider.blockNext(operation);
            blocked.add(block);
            Thread thread = new Thread(
                    () -> {
                        try {
                            block.awaitReached();
                            action.run();
                        } catch (Exception | AssertionError e) {
                            // The test sees that nothing was done.
                        } finally {
                            block.release();
                        }
                    },
                    "contract-before-" + operation);
            thread.setDaemon(true);
            thread.start();
        }
        return true;
    }

    @Override
    public boolean wasHit() {
        return awaited.entrySet().stream().anyMatch(each -> provider.calls(each.getKey()) >= each.getValue());
    }

    @Override
    public Optional<Duration> retryAfter() {
        return Optional.of(RETRY_AFTER);
    }

    @Override
    public void heal() {
        blocked.forEach(Blocked::release);
        blocked.clear();
        provider.clearFaults();
        provider.thawListing();
    }

    private boolean failAll(ProviderException failure) {
        for (Operation operation : Operation.values()) {
            provider.failAll(operation, failure);
        }
        return true;
    }

    private static ProviderException failure(Reason reason, String message) {
        return new ProviderException(reason, message);
    }

    private static ProviderException rateLimited() {
        return ProviderException.builder(Reason.RATE_LIMITED, "too many calls")
                .retryAfter(RETRY_AFTER)
                .build();
    }
}
