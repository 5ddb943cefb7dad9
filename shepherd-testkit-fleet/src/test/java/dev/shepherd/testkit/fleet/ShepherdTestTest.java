package dev.shepherd.testkit.fleet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.testkit.engine.EventConditions.event;
import static org.junit.platform.testkit.engine.EventConditions.finishedWithFailure;
import static org.junit.platform.testkit.engine.EventConditions.test;
import static org.junit.platform.testkit.engine.TestExecutionResultConditions.instanceOf;
import static org.junit.platform.testkit.engine.TestExecutionResultConditions.message;
import static org.junit.platform.testkit.engine.TestExecutionResultConditions.suppressed;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.testkit.provider.FakeProvider;
import java.util.Collections;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.assertj.core.util.Throwables;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;

/** Runs test classes that are written as users write them. */
class ShepherdTestTest {

    private static EngineExecutionResults run(Class<?> test) {
        return EngineTestKit.engine("junit-jupiter")
                .selectors(selectClass(test))
                .configurationParameter("junit.jupiter.conditions.deactivate", "org.junit.*DisabledCondition")
                .configurationParameter("junit.jupiter.execution.parallel.enabled", "true")
                .configurationParameter("junit.jupiter.execution.parallel.config.strategy", "fixed")
                .configurationParameter("junit.jupiter.execution.parallel.config.fixed.parallelism", "4")
                .execute();
    }

    private static void assertThatAllSucceed(Class<?> test, int tests) {
        assertThat(run(test).allEvents().failed().stream()
                        .map(failed -> failed.getPayload(TestExecutionResult.class)
                                .flatMap(TestExecutionResult::getThrowable)
                                .map(Throwables::getStackTrace)
                                .orElse("")))
                .as("failures of %s", test)
                .isEmpty();
        assertThat(SEEN.getOrDefault(test, Set.of())).as("fleets of %s", test).hasSize(tests);
    }

    /** The fleets that the classes below were given. */
    private static final ConcurrentHashMap<Class<?>, Set<TestFleet>> SEEN = new ConcurrentHashMap<>();

    private static void seen(Object test, TestFleet fleet) {
        Class<?> outermost = test.getClass();
        while (outermost.getEnclosingClass() != ShepherdTestTest.class) {
            outermost = outermost.getEnclosingClass();
        }
        SEEN.computeIfAbsent(outermost, key -> ConcurrentHashMap.newKeySet()).add(fleet);
    }

    @Test
    void eachTestHasAFleetOfItsOwnAlsoInNestedClassesAndInParallel() {
        assertThatAllSucceed(OneForEach.class, 5);
        assertThat(SEEN.get(OneForEach.class)).allMatch(fleet -> closed(fleet));
    }

    @Disabled("run by the tests above")
    @ShepherdTest(machines = 2, started = false)
    @Execution(ExecutionMode.CONCURRENT)
    static class OneForEach {
        private final TestFleet ofConstructor;

        OneForEach(TestFleet fleet) {
            ofConstructor = fleet;
        }

        @BeforeEach
        @AfterEach
        void shareIt(TestFleet fleet, Bmdb bmdb, FakeProvider provider) {
            assertThat(fleet.bmdb()).isSameAs(bmdb);
            assertThat(fleet.provider()).isSameAs(provider);
            assertThat(fleet).isSameAs(ofConstructor);
        }

        @RepeatedTest(2)
        void hasTwoMachines(TestFleet fleet) {
            seen(this, fleet);
            assertThat(fleet.machines()).hasSize(2);
            assertThat(fleet.managers()).isEmpty();
            fleet.addMachine();
        }

        @Test
        @ShepherdTest(machines = 1)
        void aMethodHasItsOwnSettings(TestFleet fleet, Shepherd shepherd) {
            seen(this, fleet);
            assertThat(fleet.machines()).hasSize(1);
            assertThat(fleet.managers()).containsExactly(shepherd);
        }

        @Nested
        class Inside {
            @Test
            void hasThoseOfTheClassAroundIt(TestFleet fleet) {
                seen(this, fleet);
                assertThat(fleet.machines()).hasSize(2);
            }
        }

        @Nested
        @ShepherdTest(machines = 3, started = false)
        class WithItsOwn {
            WithItsOwn() {}

            @Test
            void hasThree(TestFleet fleet) {
                seen(this, fleet);
                assertThat(fleet.machines()).hasSize(3);
            }
        }
    }

    private static boolean closed(TestFleet fleet) {
        try {
            fleet.addMachine();
            return false;
        } catch (IllegalStateException e) {
            return true;
        }
    }

    @Test
    void aFleetThatTheClassAsksForIsThatOfAllItsTests() {
        assertThatAllSucceed(OneForAll.class, 1);
        assertThatAllSucceed(OneInstance.class, 1);
    }

    @Disabled("run by the tests above")
    @ShepherdTest(machines = 2)
    static class OneForAll {
        @BeforeAll
        static void takeOver(TestFleet fleet) throws InterruptedException {
            fleet.awaitTakenOver();
        }

        @RepeatedTest(2)
        void sharesIt(TestFleet fleet) {
            seen(this, fleet);
        }

        @Nested
        class Inside {
            @Test
            void sharesItToo(TestFleet fleet) {
                seen(this, fleet);
                assertThat(fleet.machines()).hasSize(2);
            }
        }
    }

    @Disabled("run by the tests above")
    @ShepherdTest(started = false)
    @TestInstance(TestInstance.Lifecycle.PER_CLASS)
    static class OneInstance {
        private final TestFleet ofConstructor;

        OneInstance(TestFleet fleet) {
            ofConstructor = fleet;
        }

        @RepeatedTest(2)
        void sharesIt(TestFleet fleet) {
            seen(this, fleet);
            assertThat(fleet).isSameAs(ofConstructor);
        }
    }

    @Test
    void aClassWithOneInstanceWhoseTestsAskHasAFleetForEach() {
        assertThatAllSucceed(OneInstanceManyFleets.class, 2);
    }

    @Disabled("run by the tests above")
    @ShepherdTest(started = false)
    @TestInstance(TestInstance.Lifecycle.PER_CLASS)
    static class OneInstanceManyFleets {
        @RepeatedTest(2)
        void hasItsOwn(TestFleet fleet) {
            seen(this, fleet);
        }
    }

    @Test
    void aRegisteredExtensionTakesSettingsThatAnAnnotationCannotSay() {
        assertThatAllSucceed(Registered.class, 1);
    }

    @Disabled("run by the tests above")
    static class Registered {
        static final Set<String> events = Collections.synchronizedSet(new HashSet<>());

        @RegisterExtension
        static final ShepherdExtension shepherd = ShepherdExtension.create(fleet -> fleet.machines(2)
                .database(settings ->
                        settings.listener(event -> events.add(event.kind().name()))));

        @Test
        void hearsOfTakeovers(TestFleet fleet) throws Exception {
            seen(this, fleet);
            fleet.awaitTakenOver();
            fleet.await("the listener is told", () -> events.contains("TAKEN_OVER"));
        }
    }

    @Test
    void aTestFailsWhoseMachineWasRebootedUnexpectedly() {
        run(RebootsUnexpectedly.class)
                .testEvents()
                .assertThatEvents()
                .haveExactly(
                        1,
                        event(
                                test("alone"),
                                finishedWithFailure(
                                        instanceOf(AssertionError.class),
                                        message(text -> text.contains("asked to reboot machine-1, which the test")))))
                .haveExactly(
                        1,
                        event(
                                test("withAFailureOfItsOwn"),
                                finishedWithFailure(
                                        message("its own"),
                                        suppressed(0, message(text -> text.contains("asked to reboot machine-1"))))));
    }

    @Disabled("run by the tests above")
    @ShepherdTest(started = false)
    static class RebootsUnexpectedly {
        @Test
        void alone(FakeProvider provider, TestFleet fleet) throws Exception {
            provider.rebootMachine(fleet.machine(0).id());
        }

        @Test
        void withAFailureOfItsOwn(FakeProvider provider, TestFleet fleet) throws Exception {
            provider.rebootMachine(fleet.machine(0).id());
            throw new AssertionError("its own");
        }
    }

    @Test
    void aTestFailsThatLeavesASession() {
        run(LeavesASession.class)
                .testEvents()
                .assertThatEvents()
                .haveExactly(1, event(finishedWithFailure(message(text -> text.contains("session mine (here)")))));
    }

    @Disabled("run by the tests above")
    @ShepherdTest(started = false)
    static class LeavesASession {
        @Test
        void open(Bmdb bmdb) throws Exception {
            bmdb.startSession("mine", "here");
        }
    }

    @Test
    void aClassFailsThatHasBothAnAnnotationAndAnExtension() {
        run(Both.class)
                .testEvents()
                .assertThatEvents()
                .haveExactly(1, event(finishedWithFailure(instanceOf(ParameterResolutionException.class))));
    }

    @Disabled("run by the tests above")
    @ShepherdTest
    static class Both {
        @RegisterExtension
        static final ShepherdExtension shepherd = ShepherdExtension.create(fleet -> fleet);

        @Test
        void whose(TestFleet fleet) {}
    }

    @Test
    void wrongSettingsAndTestsThatAskForWhatTheyCannotHaveFailWithTheReason() {
        run(Wrong.class)
                .testEvents()
                .assertThatEvents()
                .haveExactly(
                        1,
                        event(
                                test("tooMany"),
                                finishedWithFailure(
                                        instanceOf(ParameterResolutionException.class),
                                        message("Wrong.tooMany: @ShepherdTest: machines is 1000, but a fleet for a test"
                                                + " has 0 to 200"))))
                .haveExactly(
                        1,
                        event(
                                test("notStarted"),
                                finishedWithFailure(message(text -> text.contains("Wrong.notStarted has a parameter of"
                                        + " type Shepherd, but its fleet is not started")))));
        run(AnotherInAClassThatHasOne.class)
                .testEvents()
                .assertThatEvents()
                .haveExactly(
                        1,
                        event(finishedWithFailure(message(text -> text.contains("asks for 5 machine(s), not started,"
                                + " but the class around it has made a fleet for all its tests already, with 1"
                                + " machine(s), not started")))));
    }

    @Disabled("run by the tests above")
    static class Wrong {
        @Test
        @ShepherdTest(machines = 1000)
        void tooMany(TestFleet fleet) {}

        @Test
        @ShepherdTest(started = false)
        void notStarted(Shepherd shepherd) {}
    }

    @Disabled("run by the tests above")
    @ShepherdTest(started = false)
    static class AnotherInAClassThatHasOne {
        @BeforeAll
        static void make(TestFleet fleet) {}

        @Test
        @ShepherdTest(machines = 5, started = false)
        void another(TestFleet fleet) {}
    }
}
