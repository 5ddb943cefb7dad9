package dev.shepherd.cli.contract;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import dev.shepherd.cli.contract.RuleResult.Kind;
import dev.shepherd.testkit.contract.Rule;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.MethodOrdererContext;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestExecutionResult.Status;
import org.junit.platform.engine.discovery.MethodSelector;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.engine.support.store.Namespace;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.LauncherSession;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Runs the tests of rules, in the order of the rules' numbers, and says after each rule what became of it. */
final class Rules {

    private final Class<?> fixture;

    private Rules(Class<?> fixture) {
        this.fixture = fixture;
    }

    static Rules of(boolean recovers) {
        return new Rules(recovers ? RecovererRules.class : ProviderRules.class);
    }

    /** Returns the rules that there are for such a provider. */
    Set<Rule> all() {
        Set<Rule> all = EnumSet.noneOf(Rule.class);
        for (Method method : fixture.getMethods()) {
            Rule.ofTest(method.getName()).ifPresent(all::add);
        }
        return all;
    }

    /** Tries rules on a provider. */
    void run(ProviderUnderTest tried, Set<Rule> rules, Consumer<RuleResult> told) {
        ClassLoader plugin = Thread.currentThread().getContextClassLoader();
        // JUnit looks for its engines here. A plugin may have some of its own.
        Thread.currentThread().setContextClassLoader(Rules.class.getClassLoader());
        try (LauncherSession session = LauncherFactory.openSession()) {
            session.getStore().put(Namespace.create(ProviderUnderTest.class), ProviderUnderTest.KEY, tried);
            LauncherDiscoveryRequest request = request(rules);
            TestPlan plan = session.getLauncher().discover(request);
            Thread.currentThread().setContextClassLoader(plugin);
            session.getLauncher().execute(plan, new Results(told));
        } finally {
            Thread.currentThread().setContextClassLoader(plugin);
        }
    }

    private LauncherDiscoveryRequest request(Set<Rule> rules) {
        List<MethodSelector> methods = new ArrayList<>();
        for (Method method : fixture.getMethods()) {
            if (Rule.ofTest(method.getName()).filter(rules::contains).isPresent()) {
                methods.add(selectMethod(fixture, method));
            }
        }
        return LauncherDiscoveryRequestBuilder.request()
                .selectors(methods)
                .configurationParameter("dev.shepherd.testkit.contract.report", "none")
                .enableImplicitConfigurationParameters(false)
                .build();
    }

    /** Orders tests by the numbers of their rules. */
    static final class InOrder implements MethodOrderer {
        @Override
        public void orderMethods(MethodOrdererContext context) {
            context.getMethodDescriptors()
                    .sort(Comparator.comparing(
                            test -> Rule.ofTest(test.getMethod().getName())
                                    .map(Rule::ordinal)
                                    .orElse(Integer.MAX_VALUE)));
        }
    }

    /** Makes one result of the tests that a rule has. Used by one thread. */
    private static final class Results implements TestExecutionListener {
        private final Consumer<RuleResult> told;
        private final Map<Rule, List<String>> broken = new EnumMap<>(Rule.class);
        private final Map<Rule, String> skipped = new EnumMap<>(Rule.class);
        private final Map<Rule, Integer> trials = new EnumMap<>(Rule.class);

        Results(Consumer<RuleResult> told) {
            this.told = told;
        }

        @Override
        public void executionSkipped(TestIdentifier test, String reason) {
            rule(test).ifPresent(rule -> {
                skipped.putIfAbsent(rule, reason);
                tell(rule, test);
            });
        }

        @Override
        public void executionFinished(TestIdentifier test, TestExecutionResult result) {
            rule(test).ifPresent(rule -> {
                if (test.isTest() || result.getStatus() == Status.FAILED) {
                    note(rule, test, result);
                }
                tell(rule, test);
            });
        }

        private void note(Rule rule, TestIdentifier test, TestExecutionResult result) {
            String text = result.getThrowable().map(Results::text).orElse("");
            switch (result.getStatus()) {
                case FAILED -> {
                    if (result.getThrowable()
                            .filter(InterruptedException.class::isInstance)
                            .isPresent()) {
                        skipped.putIfAbsent(rule, "the run was ended meanwhile");
                        return;
                    }
                    trials.merge(rule, 1, Integer::sum);
                    boolean isTrial = !isWhole(test);
                    broken.computeIfAbsent(rule, key -> new ArrayList<>())
                            .add(isTrial ? text + "\n  trial:    " + test.getDisplayName() : text);
                }
                case ABORTED -> skipped.putIfAbsent(rule, text);
                default -> trials.merge(rule, 1, Integer::sum);
            }
        }

        private static String text(Throwable failure) {
            String message = failure.getMessage();
            boolean speaksForItself = failure instanceof AssertionError
                    || failure.getClass().getName().contains("Abort");
            return message != null && speaksForItself ? message : failure.toString();
        }

        private void tell(Rule rule, TestIdentifier test) {
            if (!isWhole(test)) {
                return;
            }
            int tried = trials.getOrDefault(rule, 0);
            List<String> failures = broken.getOrDefault(rule, List.of());
            if (!failures.isEmpty()) {
                told.accept(new RuleResult(rule, Kind.BROKEN, tried, String.join("\n", failures)));
            } else if (tried > 0) {
                told.accept(new RuleResult(rule, Kind.KEPT, tried, ""));
            } else {
                String why = skipped.getOrDefault(rule, "it was not tried");
                String start = rule + " " + rule.force() + " was skipped: ";
                told.accept(new RuleResult(
                        rule, Kind.SKIPPED, 0, why.startsWith(start) ? why.substring(start.length()) : why));
            }
        }

        /** Tells whether it is all of a rule, not one of its trials. */
        private static boolean isWhole(TestIdentifier test) {
            return !test.getUniqueIdObject().getLastSegment().getType().equals("test-template-invocation");
        }

        private static Optional<Rule> rule(TestIdentifier test) {
            return test.getSource()
                    .filter(MethodSource.class::isInstance)
                    .flatMap(source -> Rule.ofTest(((MethodSource) source).getMethodName()));
        }
    }
}
