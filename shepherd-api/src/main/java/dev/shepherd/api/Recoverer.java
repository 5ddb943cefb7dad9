package dev.shepherd.api;

/**
 * A {@link Provider} that can bring a machine back.
 *
 * <p>Both calls affect a customer's machine. Neither may be repeated by the provider itself when its outcome is
 * unknown: the manager decides whether to try again.
 */
public interface Recoverer extends Provider {

    /**
     * Reboots a machine that does not respond, by force if needed.
     *
     * <p>Returns when the provider has accepted the reboot, not when the machine is back: the manager waits for as long
     * as a machine needs to settle, without holding up other calls.
     *
     * @param id the machine
     * @throws MachineNotFoundException if there is no such machine
     * @throws ProviderException if it cannot be rebooted; see {@link ProviderException.Reason}
     * @throws InterruptedException if the thread is interrupted; the reboot may have been accepted
     */
    void rebootMachine(ProviderID id) throws InterruptedException;

    /**
     * Reinstalls a machine with the operating system from which it can be taken over again.
     *
     * <p>Everything on its disks may be lost. The provider does not touch the database: after a successful return the
     * manager clears what was known of the agent and its installation, so that the machine is taken over again. Until
     * the reinstallation is over, the machine stays in the listing, with the status {@link
     * ProviderStatus#PROVISIONING}.
     *
     * @param id the machine
     * @throws NotSupportedException if this provider cannot reinstall, as by default
     * @throws MachineNotFoundException if there is no such machine
     * @throws ProviderException if it cannot be reinstalled; see {@link ProviderException.Reason}
     * @throws InterruptedException if the thread is interrupted; the reinstallation may have been accepted
     */
    default void reinstallMachine(ProviderID id) throws InterruptedException {
        throw new NotSupportedException("provider " + type() + " cannot reinstall machines");
    }
}
