package dev.shepherd.cli.contract;

import dev.shepherd.testkit.contract.Rule;

/**
 * What became of a rule.
 *
 * @param trials how many tests of it were tried to the end
 * @param text what was expected and what happened, of a rule that is broken; why, of one that was skipped; else empty
 */
record RuleResult(Rule rule, Kind kind, int trials, String text) {

    /** Returns the same with another text. */
    RuleResult with(String text) {
        return new RuleResult(rule, kind, trials, text);
    }

    /** How it ended. */
    enum Kind {
        KEPT,
        BROKEN,
        SKIPPED
    }
}
