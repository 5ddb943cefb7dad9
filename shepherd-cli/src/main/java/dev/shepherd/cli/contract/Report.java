package dev.shepherd.cli.contract;

import java.util.List;

/** Tells what a run of the command does and finds. */
interface Report {

    /** Tells what will be done. */
    void begins(Plan plan);

    /** Tells of one rule. */
    void rule(RuleResult result);

    /**
     * Tells of the end.
     *
     * @param left a line for each machine that was named, and for each that was made
     * @param refused calls that a rule made and that were not passed on
     * @param ended whether the run was ended before all rules were tried
     */
    void ends(List<String> left, List<String> refused, boolean ended);

    /**
     * What will be done.
     *
     * @param provider the provider, in words
     * @param machines the machines that will be created
     * @param reboots whether they will be rebooted
     * @param reinstalls whether they will be reinstalled
     * @param faults whether faults are let in
     */
    record Plan(String provider, List<String> machines, boolean reboots, boolean reinstalls, boolean faults) {

        /** Copies the list. */
        public Plan {
            machines = List.copyOf(machines);
        }
    }
}
