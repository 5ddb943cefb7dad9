package dev.shepherd.testkit.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import dev.shepherd.api.Availability;
import dev.shepherd.api.Machine;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.Recoverer;
import dev.shepherd.testkit.provider.FakeProvider.Call;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestExecutionResult.Status;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** On an outside that others use the rules do nothing to the machines of others, whatever rules there will be. */
class SharedOutsideTest {

    private static final Set<Operation> CHANGES = EnumSet.of(Operation.CREATE, Operation.REBOOT, Operation.REINSTALL);

    private final Set<Rule> kept = EnumSet.noneOf(Rule.class);
    private final List<String> failures = new ArrayList<>();

    @BeforeEach
    void aFleetThatIsThere() {
        Shared.world = new FakeWorld(3);
        Shared.world.addMachines(60);
    }

    private void run() {
        LauncherFactory.create()
                .execute(
                        LauncherDiscoveryRequestBuilder.request()
                                .selectors(selectClass(Shared.class))
                                .configurationParameter(ContractReport.PARAMETER, "none")
                                .build(),
                        new TestExecutionListener() {
                            @Override
                            public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                                if (test.isTest() && result.getStatus() == Status.SUCCESSFUL) {
                                    String method =
                                            ((MethodSource) test.getSource().orElseThrow()).getMethodName();
                                    Rule.ofTest(method).ifPresent(kept::add);
                                }
                                if (result.getStatus() == Status.FAILED) {
                                    failures.add(test.getDisplayName() + ": " + result.getThrowable());
                                }
                            }
                        });
    }

    @Test
    void withoutAMachineThatMayBeTakenNothingIsAskedForThatChangesSomething() {
        Shared.mine = Set.of();
        run();

        assertThat(failures).isEmpty();
        assertThat(kept)
                .contains(Rule.P03, Rule.P04, Rule.P05, Rule.P06, Rule.P09, Rule.P10, Rule.P11, Rule.P25, Rule.P27)
                .contains(Rule.P36, Rule.P37, Rule.P38, Rule.P47, Rule.P48, Rule.P50, Rule.P51, Rule.P54, Rule.P55)
                .doesNotContain(Rule.P12, Rule.P22, Rule.P23, Rule.P24, Rule.P52, Rule.R01, Rule.R02);
        assertThat(Shared.world.provider.calls()).hasSizeGreaterThan(100);
        assertThat(Shared.world.provider.calls()).extracting(Call::operation).doesNotContainAnyElementsOf(CHANGES);
    }

    @Test
    void onlyMachinesThatMayBeTakenAreCreatedAndRebooted() {
        Shared.mine = Shared.ids("machine-", 11, 50);
        run();

        assertThat(failures).isEmpty();
        assertThat(kept).contains(Rule.P12, Rule.P16, Rule.P21, Rule.P27, Rule.R01, Rule.R05, Rule.R10);
        assertThat(kept).doesNotContain(Rule.P22, Rule.P23, Rule.P24, Rule.P58, Rule.R02, Rule.R04, Rule.R14);
        assertThat(Shared.world.provider.machines())
                .filteredOn(machine -> machine.availability() == Availability.KNOWN_USED)
                .hasSizeGreaterThan(10)
                .extracting(Machine::id)
                .isSubsetOf(Shared.mine);
        assertThat(Shared.world.provider.calls())
                .filteredOn(call -> CHANGES.contains(call.operation()))
                .extracting(call -> call.id().orElseThrow())
                .isSubsetOf(Shared.mine);
    }

    /** Its name keeps it out of the build. */
    static class Shared extends RecovererContract {
        static FakeWorld world = new FakeWorld(3);
        static Set<ProviderID> mine = Set.of();

        static Set<ProviderID> ids(String prefix, int first, int last) {
            Set<ProviderID> ids = new HashSet<>();
            for (int i = first; i <= last; i++) {
                ids.add(new ProviderID(prefix + i));
            }
            return ids;
        }

        @Override
        protected Recoverer createProvider() {
            return world.open();
        }

        @Override
        protected Recoverer createImpatientProvider() {
            Recoverer provider = createProvider();
            world.impatient();
            return provider;
        }

        @Override
        protected void addFreeMachines(int count) {
            throw new AssertionError("those that are there have to do");
        }

        @Override
        protected boolean sharesTheOutside() {
            return true;
        }

        @Override
        protected int machineBudget() {
            return mine.size();
        }

        @Override
        protected boolean mayTake(Machine machine) {
            return mine.contains(machine.id());
        }

        @Override
        protected boolean mayReboot(Machine machine) {
            return mine.contains(machine.id());
        }

        @Override
        protected Optional<Faults> faults() {
            return Optional.of(world);
        }

        @Override
        protected boolean usesDatabase() {
            return false;
        }
    }
}
