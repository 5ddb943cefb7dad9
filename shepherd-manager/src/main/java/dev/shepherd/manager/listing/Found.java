package dev.shepherd.manager.listing;

import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.listing.ProviderCheck;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What was found out about one machine.
 *
 * @param info what the provider says of it now; null if it said nothing
 * @param pause how long one that failed is left alone; zero for others
 */
record Found(ProviderCheck check, Look look, @Nullable MachineInfo info, Duration pause) {

    enum Look {
        SAME,
        CHANGED,
        MISSING,
        FAILED
    }

    static Found compared(ProviderCheck check, MachineInfo info) {
        return new Found(check, isSame(check.machine(), info) ? Look.SAME : Look.CHANGED, info, Duration.ZERO);
    }

    /** Whether the machine is looked at again soon: it has just changed, or is about to. */
    boolean isInMotion() {
        return look == Look.CHANGED
                || (check.inRecovery() && !isMissing(check.machine()))
                || (info != null && info.status().equals(Optional.of(ProviderStatus.PROVISIONING)));
    }

    static boolean isMissing(ProvidedMachine machine) {
        return machine.status().equals(Optional.of(ProviderStatus.MISSING));
    }

    private static boolean isSame(ProvidedMachine machine, MachineInfo info) {
        return machine.address().equals(info.address())
                && machine.sshPort().equals(info.sshPort())
                && machine.location().equals(info.location())
                && machine.reservationId().equals(info.reservationId())
                && machine.status().equals(info.status())
                && machine.failed() == ProvidedMachine.isFailed(info)
                && machine.labels().equals(info.labels());
    }
}
