package dev.shepherd.testkit.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineVisitor;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.Recoverer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestExecutionResult.Status;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** The contract kit is tested by providers and factories that break its rules, each at least one. */
class SelfTest {

    private static final List<Class<?>> CONTRACTS = List.of(
            OutsideRules.class,
            StepRules.class,
            ProviderContract.class,
            RecovererContract.class,
            ProviderFactoryContract.class);

    private static final Path DOCUMENT = Path.of("..", "docs", "provider-contract.md");
    private static final Pattern DOCUMENTED =
            Pattern.compile("\\| ([PRF]\\d\\d) \\| (MUST|SHOULD) \\| ([^|]+) \\| ([^|]+) \\|");

    /** The tests of the rules. */
    private static Map<Rule, Method> tests() {
        Map<Rule, Method> tests = new EnumMap<>(Rule.class);
        for (Class<?> contract : CONTRACTS) {
            for (Method method : contract.getDeclaredMethods()) {
                if (method.isAnnotationPresent(Test.class) || method.isAnnotationPresent(EachFault.class)) {
                    Rule rule = Rule.ofTest(method.getName()).orElseThrow(() -> new AssertionError(method));
                    assertThat(tests.put(rule, method))
                            .as("two tests of %s", rule)
                            .isNull();
                }
            }
        }
        return tests;
    }

    /** Runs the tests of rules: the result of a rule that has several trials is that of the worst of them. */
    private static Map<Rule, TestExecutionResult> run(Class<?> type, Method... methods) {
        LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                .selectors(Stream.of(methods)
                        .map(method -> selectMethod(type, method))
                        .toList())
                .build();
        Map<Rule, TestExecutionResult> results = new EnumMap<>(Rule.class);
        LauncherFactory.create().execute(request, new TestExecutionListener() {
            @Override
            public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                if (test.isTest()) {
                    String method = ((MethodSource) test.getSource().orElseThrow()).getMethodName();
                    results.merge(Rule.ofTest(method).orElseThrow(), result, SelfTest::worse);
                }
            }
        });
        assertThat(results).hasSize(methods.length);
        return results;
    }

    private static TestExecutionResult worse(TestExecutionResult one, TestExecutionResult other) {
        boolean first = one.getStatus() == Status.FAILED
                || (one.getStatus() == Status.SUCCESSFUL && other.getStatus() != Status.FAILED);
        return first ? one : other;
    }

    @Test
    void eachRuleHasOneTestThatIsNamedAfterItAndCannotBeOverridden() {
        Map<Rule, Method> tests = tests();
        assertThat(tests.keySet()).containsExactlyInAnyOrder(Rule.values());
        tests.forEach((rule, method) -> {
            assertThat(method.getName()).startsWith(rule.force().prefix() + "_" + rule + "_");
            assertThat(Modifier.isPublic(method.getModifiers()))
                    .as(method.getName())
                    .isTrue();
            assertThat(Modifier.isFinal(method.getModifiers()))
                    .as(method.getName())
                    .isTrue();
        });
    }

    @Test
    void theDocumentHasTheSameRulesWithTheSameForceAndText() throws IOException {
        Map<Rule, String> documented = new EnumMap<>(Rule.class);
        for (String line : Files.readAllLines(DOCUMENT)) {
            Matcher matcher = DOCUMENTED.matcher(line);
            if (matcher.matches()) {
                Rule rule = Rule.valueOf(matcher.group(1));
                assertThat(documented.put(
                                rule, matcher.group(2) + " " + matcher.group(3).replace("`", "")))
                        .as("%s stands twice in the document", rule)
                        .isNull();
                assertThat(matcher.group(4)).as("the reason of %s", rule).isNotBlank();
            }
        }
        Map<Rule, String> coded = new EnumMap<>(Rule.class);
        for (Rule rule : Rule.values()) {
            coded.put(rule, rule.force() + " " + rule.text());
        }
        assertThat(documented).isEqualTo(coded);
        assertThat(Files.readString(DOCUMENT)).contains("There are %d rules".formatted(Rule.values().length));
    }

    /** What is not broken passes: so it is the defect that fails below, not the fixture. */
    @Test
    void theGoodOnesBreakNoRule() {
        BrokenFactoryContract.broken = new BrokenFactories.Broken(Rule.F01, "not at all", FakeProviderFactory::new);
        Map<Rule, TestExecutionResult> results = new EnumMap<>(Rule.class);
        results.putAll(run(BrokenFactoryContract.class, ofFactories()));
        for (BrokenProviders.Broken good : List.of(
                new BrokenProviders.Broken(Rule.P01, "not at all, without ids", Wrapped::new),
                new BrokenProviders.Broken(Rule.P49, "not at all, with ids and pages", Paged::new))) {
            BrokenContract.broken = good;
            run(BrokenContract.class, ofProviders())
                    .forEach((rule, result) -> results.merge(rule, result, SelfTest::worse));
        }
        assertThat(results.keySet()).containsExactlyInAnyOrder(Rule.values());
        assertThat(results.values()).containsOnly(TestExecutionResult.successful());
    }

    /** Reads twice for a listing, and shows what was there the second time. */
    static class Paged extends Wrapped {
        Paged(FakeWorld world) {
            super(world);
        }

        @Override
        public void forEachMachine(MachineVisitor visitor) throws InterruptedException {
            good.listMachines();
            good.forEachMachine(visitor);
        }
    }

    private static Method[] ofFactories() {
        return tests().values().stream()
                .filter(method -> method.getDeclaringClass() == ProviderFactoryContract.class)
                .toArray(Method[]::new);
    }

    private static Method[] ofProviders() {
        return tests().values().stream()
                .filter(method -> method.getDeclaringClass() != ProviderFactoryContract.class)
                .toArray(Method[]::new);
    }

    @TestFactory
    Stream<DynamicTest> eachRuleIsBrokenBySomebodyAndTellsOfIt() {
        return Arrays.stream(Rule.values()).flatMap(rule -> {
            List<DynamicTest> broken = Stream.concat(
                            BrokenProviders.of(rule).stream().map(SelfTest::provider),
                            BrokenFactories.of(rule).stream().map(SelfTest::factory))
                    .toList();
            return broken.isEmpty()
                    ? Stream.of(DynamicTest.dynamicTest(
                            rule + " is broken by somebody", () -> Assertions.fail("nobody breaks " + rule)))
                    : broken.stream();
        });
    }

    private static DynamicTest provider(BrokenProviders.Broken broken) {
        return DynamicTest.dynamicTest(broken.toString(), () -> {
            BrokenContract.broken = broken;
            assertTold(broken.rule(), BrokenContract.class);
        });
    }

    private static DynamicTest factory(BrokenFactories.Broken broken) {
        return DynamicTest.dynamicTest(broken.toString(), () -> {
            BrokenFactoryContract.broken = broken;
            assertTold(broken.rule(), BrokenFactoryContract.class);
        });
    }

    private static void assertTold(Rule rule, Class<?> contract) {
        Method method = tests().get(rule);
        TestExecutionResult result = run(contract, method).values().iterator().next();
        assertThat(result.getStatus()).isEqualTo(TestExecutionResult.Status.FAILED);
        assertThat(result.getThrowable().orElseThrow())
                .isInstanceOf(AssertionError.class)
                .hasMessageStartingWith("%s %s: %s\n".formatted(rule, rule.force(), rule.text()))
                .hasMessageContaining("\n  provider: ")
                .hasMessageContaining("\n  expected: ")
                .hasMessageContaining("\n  actual:   ")
                .hasMessageContaining("\n  check:    " + rule.advice());
    }

    // What a fixture can do wrong.

    @Test
    void aMachineThatIsSaidToBeReleasedAndIsNotFailsTheTest() throws Exception {
        assertThat(failure(Leaving.class, Rule.P12))
                .hasMessageContaining("leftover of P12")
                .hasMessageContaining("device-1");
    }

    /** Says that it releases machines, and does not. */
    static class Leaving extends BrokenContract {
        @Override
        protected boolean release(Machine machine) {
            return true;
        }
    }

    @Test
    void machinesAreReleasedInTheReverseOrder() {
        Releasing.released.setLength(0);
        BrokenContract.broken = new BrokenProviders.Broken(Rule.P01, "not at all", Wrapped::new);
        assertThat(run(Releasing.class, tests().get(Rule.P20)).values())
                .containsExactly(TestExecutionResult.successful());
        assertThat(Releasing.released).hasToString("device-2 device-1 ");
    }

    /** Releases what it is told to. */
    static class Releasing extends BrokenContract {
        static final StringBuilder released = new StringBuilder();
        private Wrapped opened;

        @Override
        protected Recoverer createProvider() {
            opened = (Wrapped) super.createProvider();
            return opened;
        }

        @Override
        protected boolean release(Machine machine) {
            released.append(machine.id()).append(' ');
            opened.good.removeMachine(machine.id());
            return true;
        }
    }

    @Test
    void aRuleThatIsAMustCannotBeOptedOutOf() {
        assertThat(failure(OptingOut.class, Rule.P01))
                .hasMessageContaining("optedOut() names P12")
                .hasMessageContaining("MUST");
    }

    /** Opts out of a MUST. */
    static class OptingOut extends BrokenContract {
        @Override
        protected Map<Rule, String> optedOut() {
            return Map.of(Rule.P12, "records are for others");
        }
    }

    @Test
    void aRuleThatIsOptedOutOfIsSkippedWithTheReason() {
        assertAborted(OptingOutOfShould.class, Rule.P30, "P30 SHOULD was skipped: opted out of: nothing to close");
    }

    /** Opts out of a SHOULD. */
    static class OptingOutOfShould extends BrokenContract {
        @Override
        protected Map<Rule, String> optedOut() {
            return Map.of(Rule.P30, "nothing to close");
        }
    }

    @Test
    void aRuleThatNeedsMoreMachinesThanTheBudgetIsSkipped() {
        assertAborted(Poor.class, Rule.P16, "P16 MUST was skipped: it needs 3 machines, and machineBudget() is 1");
    }

    /** Has one machine to give. */
    static class Poor extends BrokenContract {
        @Override
        protected int machineBudget() {
            return 1;
        }
    }

    /** A machine that is switched off before it is installed: the answer of the first step is lost. */
    @Test
    void aReinstallationInTwoStepsThatStopsAfterTheFirstKeepsTheRule() {
        BrokenContract.broken = new BrokenProviders.Broken(Rule.P01, "not at all", world -> new Wrapped(world) {
            @Override
            public void reinstallMachine(ProviderID id) throws InterruptedException {
                good.rebootMachine(id);
                good.reinstallMachine(id);
            }
        });

        assertThat(run(BrokenContract.class, tests().get(Rule.R07)).values())
                .containsExactly(TestExecutionResult.successful());
    }

    @Test
    void threadsOfTheFixtureMayOutliveTheProvider() throws Exception {
        BrokenContract.broken = new BrokenProviders.Broken(Rule.P28, "not at all", world -> new Wrapped(world) {
            @Override
            public List<? extends Machine> listMachines() throws InterruptedException {
                Serving.start("outside-worker");
                return good.listMachines();
            }
        });
        try {
            assertThat(run(Serving.class, tests().get(Rule.P28)).values())
                    .containsExactly(TestExecutionResult.successful());
        } finally {
            Serving.over.countDown();
        }
    }

    /** Starts threads before a provider is made, and others while it is called. */
    static class Serving extends BrokenContract {
        static final CountDownLatch over = new CountDownLatch(1);

        static void start(String name) {
            Thread thread = new Thread(
                    () -> {
                        try {
                            over.await();
                        } catch (InterruptedException e) {
                            // It is over.
                        }
                    },
                    name);
            thread.setDaemon(true);
            thread.start();
        }

        @Override
        protected void addFreeMachines(int count) {
            start("before-there-is-a-provider");
            super.addFreeMachines(count);
        }

        @Override
        protected List<String> fixtureThreads() {
            return List.of("outside-");
        }
    }

    @Test
    void afterTheLastTestTheOutputHasHowManyRulesWereTriedAndWhyOthersWereSkipped() {
        BrokenContract.broken = new BrokenProviders.Broken(Rule.P01, "not at all", Wrapped::new);
        PrintStream before = System.out;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
        try {
            run(
                    Sparing.class,
                    tests().get(Rule.P01),
                    tests().get(Rule.P16),
                    tests().get(Rule.P30),
                    tests().get(Rule.R01));
        } finally {
            System.setOut(before);
        }
        assertThat(printed.toString(StandardCharsets.UTF_8)).isEqualToNormalizingNewlines("""
                        Contract of providers, Sparing: 2 rule(s) tried, 2 skipped
                          P16 MUST: it needs 3 machines, and machineBudget() is 1
                          P30 SHOULD: opted out of: nothing to close
                        """);
    }

    /** Has one machine to give, and opts out of a SHOULD. */
    static class Sparing extends OptingOutOfShould {
        @Override
        protected int machineBudget() {
            return 1;
        }
    }

    private static Throwable failure(Class<?> contract, Rule rule) {
        BrokenContract.broken = new BrokenProviders.Broken(Rule.P01, "not at all", Wrapped::new);
        TestExecutionResult result =
                run(contract, tests().get(rule)).values().iterator().next();
        assertThat(result.getStatus()).isEqualTo(TestExecutionResult.Status.FAILED);
        return result.getThrowable().orElseThrow();
    }

    private static void assertAborted(Class<?> contract, Rule rule, String reason) {
        BrokenContract.broken = new BrokenProviders.Broken(Rule.P01, "not at all", Wrapped::new);
        TestExecutionResult result =
                run(contract, tests().get(rule)).values().iterator().next();
        assertThat(result.getStatus()).isEqualTo(TestExecutionResult.Status.ABORTED);
        assertThat(result.getThrowable().orElseThrow()).hasMessageContaining(reason);
    }
}
