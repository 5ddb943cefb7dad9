package dev.shepherd.cli.demo;

import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.manager.takeover.SshCredentials;
import java.util.Optional;

/** What the machines of a demo are: what lists and reboots them, and how they break. They run until they are closed. */
interface DemoMachines extends AutoCloseable {

    int count();

    /** Returns the provider of them all. It is closed with them. */
    Provider provider();

    /** Returns what lets the manager in on each of them. */
    SshCredentials credentials();

    ProviderID id(int index);

    /** Lets an agent die so that a reboot of its machine helps. Returns what was done, and what will follow. */
    String breakUntilReboot(int index);

    /** Lets an agent die so that nothing helps. Returns what was done, and what will follow. */
    String breakForGood(int index);

    /**
     * Returns what became of their BMCs, if they have any.
     *
     * @param secondsToHeard from the silence of an agent until it was heard again; zero if it was not
     * @param quarantineCause why a machine is quarantined; empty if none is
     */
    default Optional<DemoBmcs> bmcs(double secondsToHeard, String quarantineCause) {
        return Optional.empty();
    }

    @Override
    void close();
}
