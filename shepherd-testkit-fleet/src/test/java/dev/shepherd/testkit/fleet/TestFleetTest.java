package dev.shepherd.testkit.fleet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import dev.shepherd.testkit.ssh.Mood;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** A fleet without JUnit's help. */
class TestFleetTest {

    private static final Path TEMPORARY = Path.of(System.getProperty("java.io.tmpdir"));

    @Test
    void theMachinesAreTakenOverHeardRebootedAndQuarantined() throws Exception {
        try (TestFleet fleet = TestFleet.builder().machines(3).build()) {
            fleet.awaitTakenOver();
            fleet.awaitHeard();
            UUID before = fleet.machine(0).machineId();

            fleet.machine(0).hang();
            fleet.machine(1).die();
            fleet.machine(0).awaitRebooted();
            fleet.machine(0).awaitHeard();
            fleet.machine(1).awaitQuarantined();

            assertThat(fleet.machine(0).machineId()).isEqualTo(before);
            assertThat(fleet.machine(0).reboots()).isEqualTo(1);
            assertThat(fleet.machine(0).host().mood()).isEqualTo(Mood.NORMAL);
            assertThat(fleet.machine(1).reboots()).isEqualTo(2);
            assertThat(fleet.machine(2).reboots()).isZero();
            assertThat(fleet.machine(2).record().agentStarted()).isPresent();
        }
    }

    @Test
    void aMachineIsAddedWhileManagersRunAndAnotherManagerTakesPart() throws Exception {
        try (TestFleet fleet = TestFleet.builder().machines(0).started(false).build()) {
            fleet.start(builder -> builder.loops(Set.of(LoopKind.PROVISIONER)));
            TestMachine machine = fleet.addMachine();
            machine.machineId();
            assertThat(machine.record().agentStarted()).isEmpty();

            fleet.start(builder -> builder.loops(Set.of(LoopKind.INITIALIZER)));
            machine.awaitTakenOver();

            assertThat(fleet.managers()).hasSize(2);
        }
    }

    @Test
    void aProgramRunsAManagerOfItsOwn() throws Exception {
        try (TestFleet fleet = TestFleet.builder().started(false).build()) {
            try (Bmdb bmdb = Bmdb.open(fleet.jdbcUrl());
                    Shepherd own = fleet.shepherd().bmdb(bmdb).build()) {
                own.start();
                fleet.awaitHeard();
            }
        }
    }

    @Test
    void aWaitThatIsInVainSaysWhatTheLoopsMakeOfTheMachine() throws Exception {
        try (TestFleet fleet =
                TestFleet.builder().limit(Duration.ofSeconds(3)).machines(2).build()) {
            fleet.machine(0).host().setMood(Mood.REJECT_AUTHENTICATION);

            assertThatThrownBy(() -> fleet.awaitTakenOver())
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("machine-1 is taken over: this was not so within 3 s")
                    .hasMessageContaining("ShepherdAgentStart: ")
                    .hasMessageContaining("the last error of the initializer: ")
                    .hasMessageNotContaining("machine-2:");
            fleet.machine(1).awaitTakenOver();
        }
    }

    @Test
    void aWaitWithoutAManagerSaysThatThereIsNone() throws Exception {
        try (TestFleet fleet =
                TestFleet.builder().limit(Duration.ofMillis(100)).started(false).build()) {
            assertThatThrownBy(() -> fleet.machine(0).machineId())
                    .isInstanceOf(AssertionError.class)
                    .hasMessage("machine-1 is recorded: this was not so within 100 ms"
                            + "\n  no manager was started here: call start(), unless the test runs one itself"
                            + "\n  machine-1: not in the database");
        }
    }

    @Test
    void aRebootThatNothingLetExpectIsAFailure() throws Exception {
        TestFleet fleet = TestFleet.builder().machines(2).started(false).build();
        fleet.machine(1).allowReboots();
        fleet.provider().rebootMachine(fleet.machine(0).id());
        fleet.provider().rebootMachine(fleet.machine(1).id());

        assertThatThrownBy(fleet::close)
                .isInstanceOf(AssertionError.class)
                .hasMessage("the fleet of this test ended badly: the provider was asked to reboot machine-1, which the"
                        + " test neither broke, waited for nor allowed (TestMachine.allowReboots)");
        assertThatNothingIsLeftOf(fleet);
    }

    @Test
    void aReinstallationThatNothingLetExpectIsAFailure() throws Exception {
        TestFleet fleet = TestFleet.builder().started(false).build();
        fleet.provider().onReinstall(id -> {});
        fleet.provider().reinstallMachine(fleet.machine(0).id());
        fleet.provider().reinstallMachine(fleet.machine(0).id());

        assertThatThrownBy(fleet::close).hasMessageContaining("asked to reinstall machine-1 2 times");
    }

    @Test
    void aSessionThatIsLeftIsAFailure() throws Exception {
        TestFleet fleet = TestFleet.builder().started(false).build();
        BmdbSession session = fleet.bmdb().startSession("forgotten", "in a test");

        assertThatThrownBy(fleet::close)
                .hasMessageContaining("session forgotten (in a test) is still alive: close what started it");

        session.close();
        assertThatNothingIsLeftOf(fleet);
    }

    @Test
    void aManagerThatTheTestMadeAndDidNotCloseIsAFailure() throws Exception {
        TestFleet fleet = TestFleet.builder().started(false).build();
        try (Shepherd own = fleet.shepherd().build()) {
            own.start();
            fleet.awaitTakenOver();

            assertThatThrownBy(fleet::close)
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("is still alive: close what started it");
        }
    }

    @Test
    void aCallOfTheProviderThatStillRunsIsAFailure() throws Exception {
        TestFleet fleet = TestFleet.builder().machines(0).started(false).build();
        Thread caller;
        try (var blocked = fleet.provider().blockNext(Operation.LIST)) {
            caller = new Thread(
                    () -> {
                        try {
                            fleet.provider().listMachines();
                        } catch (InterruptedException e) {
                            Thread.currentThread().interrupt();
                        }
                    },
                    "hanging-caller");
            caller.start();
            blocked.awaitReached();

            assertThatThrownBy(fleet::close)
                    .hasMessageContaining("a call of the provider still runs: LIST, by thread hanging-caller");
        }
        caller.join(10_000);
        assertThat(caller.isAlive()).isFalse();
    }

    @Test
    void whatIsOverSaysSo() throws Exception {
        TestFleet fleet = TestFleet.builder().build();
        fleet.awaitHeard();
        fleet.close();
        fleet.close();

        assertThatThrownBy(fleet::addMachine).hasMessage("this fleet is closed: its test is over");
        assertThatThrownBy(fleet::start).hasMessage("this fleet is closed: its test is over");
        assertThatThrownBy(() -> fleet.machine(1)).hasMessage("there is no machine 1: the fleet has 1, counted from 0");
        assertThatThrownBy(() -> TestFleet.builder().machines(201))
                .hasMessage("machines is 201, but a fleet for a test has 0 to 200");
        assertThatNothingIsLeftOf(fleet);
    }

    @Test
    void aFleetThatCannotStartLeavesNothing() throws Exception {
        Set<Thread> before = Thread.getAllStackTraces().keySet();

        assertThatThrownBy(() -> TestFleet.builder()
                        .database(settings -> settings.poolSize(0))
                        .build())
                .hasMessageContaining("poolSize");

        assertThat(temporaryFolders()).isEmpty();
        assertThat(Thread.getAllStackTraces().keySet())
                .filteredOn(
                        thread -> !before.contains(thread) && thread.getName().startsWith("ssh-hosts"))
                .isEmpty();
    }

    private static void assertThatNothingIsLeftOf(TestFleet fleet) throws Exception {
        assertThat(temporaryFolders()).isEmpty();
        assertThatThrownBy(() -> DriverManager.getConnection(fleet.jdbcUrl()).close())
                .isInstanceOf(SQLException.class)
                .hasMessageContaining("does not exist");
        assertThat(fleet.machines()).allSatisfy(machine -> {
            assertThat(machine.host().openConnections()).isZero();
            assertThat(machine.host().root()).doesNotExist();
        });
        assertThat(ProcessHandle.current()
                        .descendants()
                        .map(process -> process.info().commandLine().orElse("")))
                .noneMatch(command -> command.contains("dev.shepherd.testkit.agent.Agent"));
        assertThat(Thread.getAllStackTraces().keySet().stream().map(Thread::getName))
                .filteredOn(name -> !name.equals("shepherd-postgres-watcher"))
                .noneMatch(name -> name.startsWith("ssh-hosts") || name.startsWith("shepherd"));
    }

    private static List<String> temporaryFolders() throws Exception {
        try (Stream<Path> files = Files.list(TEMPORARY)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.startsWith("shepherd-fleet"))
                    .toList();
        }
    }
}
