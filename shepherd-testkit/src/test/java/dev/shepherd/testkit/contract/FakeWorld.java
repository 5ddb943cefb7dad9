package dev.shepherd.testkit.contract;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.testkit.provider.FakeProvider;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/** A {@link FakeProvider} as the fixtures of this package use it. */
final class FakeWorld {

    private static final List<Operation> CHANGES = List.of(Operation.CREATE, Operation.REBOOT, Operation.REINSTALL);

    final FakeProvider provider;
    private final Map<ProviderID, Integer> reboots = new HashMap<>();
    private final Map<ProviderID, Integer> reinstallations = new HashMap<>();

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
        return provider;
    }

    OptionalInt reboots(ProviderID id) {
        return OptionalInt.of(reboots.getOrDefault(id, 0));
    }

    OptionalInt reinstallations(ProviderID id) {
        return OptionalInt.of(reinstallations.getOrDefault(id, 0));
    }

    boolean inject(ContractFault fault) {
        return switch (fault) {
            case LOST_ANSWER -> {
                CHANGES.forEach(operation ->
                        provider.failNextAfterEffect(operation, failure(Reason.TRANSIENT, "the answer was lost")));
                yield true;
            }
            case STALE_LISTING -> {
                provider.freezeListing();
                yield true;
            }
            case DUPLICATE_MACHINE -> false;
            case CONFLICT -> {
                CHANGES.forEach(operation -> provider.failAll(operation, failure(Reason.CONFLICT, "it is busy")));
                yield true;
            }
            case RATE_LIMITED -> failAll(failure(Reason.RATE_LIMITED, "too many calls"));
            case UNAUTHENTICATED -> failAll(failure(Reason.UNAUTHENTICATED, "who are you?"));
            case UNREACHABLE -> failAll(failure(Reason.TRANSIENT, "nobody answers"));
            case HANGING -> {
                provider.delayNext(Operation.LIST, Duration.ofSeconds(3));
                yield true;
            }
        };
    }

    void heal() {
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
}
