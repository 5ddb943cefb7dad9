package dev.shepherd.provider.redfish;

import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderStatus;
import java.time.Duration;
import java.util.concurrent.CancellationException;

/**
 * The BMC of one machine, whatever protocol it speaks. It is asked one thing at a time, also through another object of the
 * same BMC; nothing is repeated. All of its failures concern its machine only ({@link Scope#MACHINE}), except for
 * credentials that cannot be read.
 *
 * <p>All methods throw {@link CancellationException} if the provider is closed, before or meanwhile.
 */
interface Bmc {

    /**
     * Asks whether the machine is on.
     *
     * @param limit how long that may take in all
     * @throws ProviderException if the BMC does not say so in time, for any reason
     */
    ProviderStatus status(Duration limit) throws InterruptedException;

    /**
     * Restarts the machine by force, or turns it on if it is off.
     *
     * @param limit how long it may take in all until the BMC has accepted it
     * @param graceful how long of it the operating system may take to shut down first; zero to leave it no time
     * @throws NotSupportedException if the BMC can do none of this; nothing has changed
     * @throws ProviderException if the BMC refuses or fails; {@link Reason#TRANSIENT} if a step has taken effect, or may
     *     have
     */
    void reboot(Duration limit, Duration graceful) throws InterruptedException;

    /**
     * Has the machine boot from the network once, and restarts it by force.
     *
     * @param limit how long it may take in all until the BMC has accepted it
     * @param takeBack how long it may take after that to undo the first step if the second fails
     * @throws NotSupportedException if the BMC can do none of this; nothing has changed
     * @throws ProviderException as {@link #reboot} does
     */
    void reinstall(Duration limit, Duration takeBack) throws InterruptedException;

    /**
     * Looks at all that a reboot takes, and changes nothing. What is wrong is in the report.
     *
     * @param limit how long it may take in all
     * @param gracefully whether a reboot would leave the operating system time to shut down
     * @throws ProviderException with {@link Scope#PROVIDER} if the credentials cannot be read
     */
    BmcReport check(Duration limit, boolean gracefully) throws InterruptedException;

    /** Returns the failure of a call of which an earlier step has taken effect. */
    static ProviderException afterAStep(ProviderException failure) {
        if (failure.reason() == Reason.TRANSIENT) {
            return failure;
        }
        return ProviderException.builder(
                        Reason.TRANSIENT, "an earlier step has taken effect, and then: " + failure.getMessage())
                .scope(Scope.MACHINE)
                .retryAfter(failure.retryAfter().orElse(null))
                .cause(failure)
                .build();
    }
}
