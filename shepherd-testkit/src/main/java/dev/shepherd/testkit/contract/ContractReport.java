package dev.shepherd.testkit.contract;

import java.util.Collections;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/**
 * Prints, once all tests of a fixture are over, how many rules were tried, and which were skipped and why: build tools show
 * that a test was skipped, and not its reason. On the standard output, which needs no setting to be seen. A program that
 * runs the rules and tells of them itself sets the configuration parameter {@value #PARAMETER} to {@code none}.
 */
final class ContractReport implements AfterAllCallback {

    static final String PARAMETER = "dev.shepherd.testkit.contract.report";

    @Override
    public void afterAll(ExtensionContext context) {
        if (context.getConfigurationParameter(PARAMETER).filter("none"::equals).isPresent()) {
            return;
        }
        String text = of(context).text(context.getRequiredTestClass().getSimpleName());
        if (!text.isEmpty()) {
            System.out.print(text);
        }
    }

    static Rules of(ExtensionContext context) {
        return context.getRoot()
                .getStore(Namespace.create(ContractReport.class))
                .getOrComputeIfAbsent(context.getRequiredTestClass(), fixture -> new Rules(), Rules.class);
    }

    /** What became of the rules of one fixture. Safe for use by several threads. */
    static final class Rules {
        private final Map<Rule, String> skipped = Collections.synchronizedMap(new TreeMap<>());
        private final Set<Rule> tried = Collections.synchronizedSet(new TreeSet<>());

        private Rules() {}

        /** Notes that a test of the rule ended without being skipped: one of those that a rule may have is enough. */
        void tried(Rule rule) {
            tried.add(rule);
        }

        void skipped(Rule rule, String why) {
            skipped.putIfAbsent(rule, why);
        }

        private String text(String fixture) {
            StringBuilder lines = new StringBuilder();
            int count = 0;
            synchronized (skipped) {
                for (Map.Entry<Rule, String> rule : skipped.entrySet()) {
                    if (!tried.contains(rule.getKey())) {
                        count++;
                        lines.append("  %s %s: %s%n"
                                .formatted(rule.getKey(), rule.getKey().force(), rule.getValue()));
                    }
                }
            }
            return tried.isEmpty() && count == 0
                    ? ""
                    : String.format(
                            Locale.ROOT,
                            "Contract of providers, %s: %d rule(s) tried, %d skipped%n%s",
                            fixture,
                            tried.size(),
                            count,
                            lines);
        }
    }
}
