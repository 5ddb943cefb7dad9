package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkEvent;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.manager.takeover.TakeoverException;
import dev.shepherd.manager.takeover.TakeoverResult;
import dev.shepherd.manager.takeover.TakeoverStep;
import dev.shepherd.manager.takeover.TakeoverTarget;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jooq.impl.DSL;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The provider is asked where a machine is before that is contacted. */
class WhereaboutsTest extends InitializerScenario {

    private static final ProviderID ID = new ProviderID("machine-1");

    private final List<TakeoverTarget> contacted = new CopyOnWriteArrayList<>();
    private boolean answers = true;
    private Shepherd shepherd;
    private UUID machine;

    @BeforeEach
    void aMachineThatIsToBeTakenOver() throws Exception {
        shepherd = shepherd(target -> {
            contacted.add(target);
            if (!answers) {
                throw new TakeoverException(
                        TakeoverException.Kind.UNREACHABLE, TakeoverStep.CONNECT, target, Duration.ZERO, "it is off");
            }
            return new TakeoverResult(
                    target.machineId(), VirtualFleet.AGENT_KEY, VirtualFleet.HOST_KEY, List.of(), Map.of());
        });
        machine = record(address(1), 22);
    }

    @AfterEach
    void close() {
        shepherd.close();
    }

    private static InetAddress address(int number) throws Exception {
        return InetAddress.getByAddress(new byte[] {10, 0, 0, (byte) number});
    }

    private static MachineInfo.Builder at(int number) throws Exception {
        return MachineInfo.builder(ID, Availability.KNOWN_USED)
                .address(address(number))
                .sshPort(22);
    }

    private void step() throws InterruptedException {
        shepherd.initializer(TYPE).step();
    }

    private Explanation.OfProcess explained() throws InterruptedException {
        return Operator.of(database.bmdb()).explain(machine, RecoveryPolicy.DEFAULT).orElseThrow().processes().stream()
                .filter(process -> process.process().equals(WorkProcess.AGENT_START))
                .findFirst()
                .orElseThrow();
    }

    private ProvidedMachine provided() throws InterruptedException {
        return read(machine).provided().orElseThrow();
    }

    private long unreachable() throws InterruptedException {
        return database.bmdb().query(dsl -> (long) dsl.fetchCount(DSL.table("machine_unreachable")));
    }

    @Test
    void aMachineThatMovedIsContactedWhereItIsNow() throws Exception {
        inSession(tx -> tx.putSshHostKey(machine, VirtualFleet.HOST_KEY));
        provider.addMachine(at(2).sshPort(2222).build());

        step();

        assertThat(contacted).hasSize(1);
        assertThat(contacted.get(0).address()).isEqualTo(address(2));
        assertThat(contacted.get(0).port()).isEqualTo(2222);
        assertThat(contacted.get(0).pinnedHostKey())
                .as("the key is the machine's, wherever it is")
                .contains(VirtualFleet.HOST_KEY);
        assertThat(provided().address()).contains(address(2));
        assertThat(provided().sshPort()).isEqualTo(OptionalInt.of(2222));
        assertThat(provider.calls(Operation.GET)).isEqualTo(1);
    }

    @Test
    void aMachineThatTheProviderNoLongerHasIsMissingAndNotContacted() throws Exception {
        provider.removeMachine(ID);

        step();

        assertThat(contacted).isEmpty();
        assertThat(provided().status()).contains(ProviderStatus.MISSING);
        assertThat(explained().rule()).isEqualTo(Explanation.Rule.MISSING);
        assertThat(events(machine)).containsExactly(WorkEvent.STARTED, WorkEvent.CANCELED);
        step();
        assertThat(provider.calls(Operation.GET)).isEqualTo(1);
    }

    @Test
    void aMachineThatIsFreeAgainIsNotContacted() throws Exception {
        provider.addMachine(MachineInfo.builder(ID, Availability.KNOWN_UNUSED)
                .address(address(1))
                .sshPort(22)
                .build());

        step();

        assertThat(contacted).isEmpty();
        assertThat(explained().rule()).isEqualTo(Explanation.Rule.BACKED_OFF);
        assertThat(explained().because()).contains("it is free");
    }

    @Test
    void aMachineThatIsBeingInstalledIsLeftToTheUpdater() throws Exception {
        provider.addMachine(at(1).status(ProviderStatus.PROVISIONING).build());

        step();

        assertThat(contacted).isEmpty();
        assertThat(explained().rule()).isEqualTo(Explanation.Rule.PROVISIONING);
        provider.addMachine(at(1).status(ProviderStatus.RUNNING).build());
        database.advance(Duration.ofMinutes(2));
        shepherd.updater(TYPE).step();
        step();
        assertThat(contacted).hasSize(1);
    }

    /** Whatever answers at the old address would be trusted. */
    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"TRANSIENT", "CONFLICT", "PERMANENT", "NO_CAPACITY", "NOT_SUPPORTED"})
    void aFirstContactIsPostponedWhereTheProviderCannotSayWhereTheMachineIs(Reason reason) throws Exception {
        provider.failNext(Operation.GET, new ProviderException(reason, "out of order"));

        step();
        step();

        assertThat(contacted).isEmpty();
        assertThat(provider.calls(Operation.GET)).as("not asked each second").isEqualTo(1);
        assertThat(explained().rule()).isEqualTo(Explanation.Rule.BACKED_OFF);
        assertThat(explained().because()).contains("could not say where it is (" + reason + "): ", "out of order");
        assertThat(events(machine))
                .as("no failure of the machine")
                .containsExactly(WorkEvent.STARTED, WorkEvent.CANCELED);
        assertThat(unreachable()).isZero();
        database.advance(Duration.ofMinutes(6));
        step();
        assertThat(read(machine).agentStarted()).isPresent();
    }

    @Test
    void aMachineWithAPinnedHostKeyIsContactedWhereItWasWhileTheProviderIsOut() throws Exception {
        inSession(tx -> tx.putSshHostKey(machine, VirtualFleet.HOST_KEY));
        provider.failNext(Operation.GET, new ProviderException(Reason.TRANSIENT, "out of order"));

        step();

        assertThat(contacted).extracting(TakeoverTarget::address).containsExactly(address(1));
        assertThat(read(machine).agentStarted()).isPresent();
    }

    /** It may be somewhere else, where it could be reached. */
    @Test
    void aMachineThatIsNotReachedWhereItWasIsNotCountedAsOutOfReach() throws Exception {
        answers = false;
        inSession(tx -> tx.putSshHostKey(machine, VirtualFleet.HOST_KEY));
        provider.failNext(Operation.GET, new ProviderException(Reason.TRANSIENT, "out of order"));

        step();
        assertThat(unreachable()).isZero();

        database.advance(Duration.ofMinutes(6));
        step();
        assertThat(unreachable()).isEqualTo(1);
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"RATE_LIMITED", "UNAUTHENTICATED"})
    void aProviderThatDoesNotWantToBeAskedRestsAllTakeovers(Reason reason) throws Exception {
        UUID other = record(address(9), 22);
        provider.failNext(
                Operation.GET,
                ProviderException.builder(reason, "not now")
                        .retryAfter(Duration.ofHours(1))
                        .build());
        provider.failNext(
                Operation.GET,
                ProviderException.builder(reason, "not now")
                        .retryAfter(Duration.ofHours(1))
                        .build());

        step();
        step();

        assertThat(contacted).isEmpty();
        assertThat(provider.calls(Operation.GET)).isEqualTo(2);
        for (UUID one : List.of(machine, other)) {
            MachineRecord left = read(one);
            assertThat(left.backoffs()).as("nothing is held against it").isEmpty();
            assertThat(left.work()).isEmpty();
        }
    }
}
