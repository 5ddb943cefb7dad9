package dev.shepherd.cli.contract;

import dev.shepherd.api.Machine;
import dev.shepherd.api.Provider;
import dev.shepherd.testkit.contract.Faults;
import dev.shepherd.testkit.contract.ProviderContract;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.ExtendWith;

/** The rules of providers on what is configured. */
@ExtendWith(ProviderUnderTest.Handed.class)
@TestMethodOrder(Rules.InOrder.class)
final class ProviderRules extends ProviderContract {

    private final ProviderUnderTest tried;

    ProviderRules(ProviderUnderTest tried) {
        this.tried = tried;
    }

    @Override
    protected Provider createProvider() throws Exception {
        return tried.create();
    }

    @Override
    protected void addFreeMachines(int count) {
        // On a shared outside those that are there have to do.
    }

    @Override
    protected boolean sharesTheOutside() {
        return true;
    }

    @Override
    protected int machineBudget() {
        return tried.machineBudget();
    }

    @Override
    protected boolean mayTake(Machine machine) {
        return tried.mayTake(machine);
    }

    @Override
    protected boolean usesDatabase() {
        return tried.records();
    }

    @Override
    protected Optional<Faults> faults() {
        return tried.faults();
    }

    @Override
    protected List<String> secrets() {
        return tried.secrets();
    }

    @Override
    protected Duration callLimit() {
        return tried.callLimit();
    }

    @Override
    protected Duration creationLimit() {
        return tried.creationLimit();
    }
}
