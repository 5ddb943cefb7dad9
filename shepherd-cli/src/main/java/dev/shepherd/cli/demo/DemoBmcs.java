package dev.shepherd.cli.demo;

/**
 * What a demo showed of machines with BMCs.
 *
 * @param rebooted how many machines were rebooted through their BMC
 * @param resets how many resets the BMCs were sent, with those that they refused
 * @param secondsToHeard from the silence of an agent until it was heard again; zero if it was not
 * @param quarantineCause why a machine is quarantined; empty if none is
 */
record DemoBmcs(long rebooted, long resets, double secondsToHeard, String quarantineCause) {}
