package dev.shepherd.bmdb.fleet;

import java.util.Locale;

/**
 * What a machine is to the people who run it, in one word. Each machine that has a provider is in one of them: the first in this order
 * that applies.
 */
public enum MachineState {
    /** No loop touches it until it is released. */
    QUARANTINED("held until it is released"),
    /** Its provider no longer knows it. */
    MISSING("no longer known to its provider"),
    /** The operating system that was asked for is installed: it is left alone. */
    INSTALLED("the requested system is installed"),
    /** Its provider is making or installing it. */
    PROVISIONING("being installed by its provider"),
    /** A gate holds back what would bring it back, or work is moved away from it before. */
    HELD_BACK("held back by a gate"),
    /** Something was tried to bring it back, and its agent has not been heard since. */
    RECOVERING("being brought back"),
    /** A session is starting its agent. */
    TAKEOVER("its agent is being started"),
    /** It has no agent, and what was tried to start one failed: it waits until the next attempt. */
    FAILING("its takeover fails"),
    /** It has no agent and waits for one. */
    WAITING("waiting for its takeover"),
    /** Its agent was started, and was not heard for longer than it may be silent. */
    SILENT("its agent is silent"),
    /** Its agent was started, and was not heard yet. */
    STARTED("its agent was started"),
    /** Its agent was heard. */
    UP("its agent is heard");

    private final String meaning;

    MachineState(String meaning) {
        this.meaning = meaning;
    }

    /** Returns what it means, for people: a few words in lower case. */
    public String meaning() {
        return meaning;
    }

    /** Returns its name as people write it: in lower case. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
