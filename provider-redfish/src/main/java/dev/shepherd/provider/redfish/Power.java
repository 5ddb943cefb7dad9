package dev.shepherd.provider.redfish;

import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.provider.support.HttpAnswer;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Restarts a system by the resets that it has. Each is sent once, and accepted is enough. Where a restart takes two of
 * them, a failure after the first leaves the system off: the next attempt finds it so, and turns it on.
 */
final class Power {

    private static final Logger log = LoggerFactory.getLogger(RedfishProvider.class);

    private static final String ON = "On";
    private static final String FORCE_OFF = "ForceOff";
    private static final String GRACEFUL_SHUTDOWN = "GracefulShutdown";

    private final BmcCall call;
    private final ComputerSystem system;
    private final URI target;
    private final Set<String> resets;

    private Power(BmcCall call, ComputerSystem system, URI target, Set<String> resets) {
        this.call = call;
        this.system = system;
        this.target = target;
        this.resets = resets;
    }

    /**
     * Finds out how a system is reset; nothing is changed.
     *
     * @throws NotSupportedException if it cannot be turned on, or restarted
     */
    static Power of(BmcCall call, ComputerSystem system) throws InterruptedException {
        Power power = new Power(call, system, system.resetTarget(call), system.resets(call));
        power.forced();
        return power;
    }

    /** Returns the reset that a forced restart begins with. */
    private String forced() {
        if (system.isOff() && resets.contains(ON)) {
            return ON;
        }
        if (!system.isOff()) {
            for (String restart : new String[] {"ForceRestart", "PowerCycle"}) {
                if (resets.contains(restart)) {
                    return restart;
                }
            }
            if (resets.contains(FORCE_OFF) && resets.contains(ON)) {
                return FORCE_OFF;
            }
        }
        throw new NotSupportedException(call.name() + ": the system is " + (system.isOff() ? "off" : "on")
                + " and cannot be restarted by any reset that it allows: " + String.join(", ", resets));
    }

    /**
     * Returns what {@link #restart} would send, as a person reads it.
     *
     * @param gracefully whether the operating system may shut down first
     */
    String plan(boolean gracefully) {
        String reset = forced();
        String forced = reset.equals(FORCE_OFF) ? FORCE_OFF + ", then " + ON : reset;
        return gracefully && !system.isOff() && shutsDown()
                ? GRACEFUL_SHUTDOWN + ", then " + ON + "; else " + forced
                : forced;
    }

    private boolean shutsDown() {
        return resets.contains(GRACEFUL_SHUTDOWN) && resets.contains(ON);
    }

    /**
     * Restarts the system.
     *
     * @param graceful how long its operating system may take to shut down first; zero to leave it no time
     * @throws ProviderException with {@link Reason#TRANSIENT} once a step has taken effect
     */
    void restart(Duration graceful) throws InterruptedException {
        if (!graceful.isZero() && !system.isOff() && shutDown(graceful)) {
            send(ON);
            return;
        }
        String reset = forced();
        send(reset);
        if (reset.equals(FORCE_OFF)) {
            // A quarter of the time is kept for the second step.
            Duration wait = call.left().multipliedBy(3).dividedBy(4);
            if (!awaitOff(wait)) {
                throw call.failed(
                        Reason.TRANSIENT, "the system was not off in time after " + FORCE_OFF + ", which was accepted");
            }
            send(ON);
        }
    }

    /** Has the operating system shut down, and tells whether the system is off. */
    private boolean shutDown(Duration graceful) throws InterruptedException {
        if (!shutsDown()) {
            return false;
        }
        try {
            send(GRACEFUL_SHUTDOWN);
        } catch (ProviderException e) {
            boolean thisResetOnly = e.reason() == Reason.PERMANENT || e.reason() == Reason.CONFLICT;
            if (!thisResetOnly) {
                throw e;
            }
            log.info("{}; it is restarted by force", e.getMessage());
            return false;
        }
        boolean off = awaitOff(graceful);
        if (!off) {
            log.info("{}: the system did not shut down in time; it is restarted by force", call.name());
        }
        return off;
    }

    private void send(String reset) throws InterruptedException {
        HttpAnswer answer = call.post(target, Map.of("ResetType", reset));
        if (!answer.isSuccess()) {
            throw call.failure(answer);
        }
        call.changed();
        log.info("{}: {} was accepted", call.name(), reset);
    }

    private boolean awaitOff(Duration limit) throws InterruptedException {
        long end = System.nanoTime() + limit.toNanos();
        @Nullable ProviderException last = null;
        while (true) {
            try {
                if (system.again(call).isOff()) {
                    return true;
                }
                last = null;
            } catch (ProviderException e) {
                // A look does no harm, and many BMCs are silent for a moment while the power changes.
                last = e;
            }
            if (end - System.nanoTime() <= 0) {
                if (last != null) {
                    log.debug("{}: the power state is unknown", call.name(), last);
                }
                return false;
            }
            call.waitForARound();
        }
    }
}
