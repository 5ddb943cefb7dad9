package dev.shepherd.bmdb.operator;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.WorkProcess;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * A backoff: a process leaves a machine alone for a while. Immutable.
 *
 * @param machineId which machine
 * @param provider whose machine it is
 * @param providerId that provider's id of it
 * @param process which process
 * @param until until when
 * @param kind the kind of the cause, as in {@link dev.shepherd.bmdb.Work.Cause#kind()}
 * @param cause why; holds texts of the machine and the provider
 * @param failures how many failures in a row there were
 */
public record BackedOff(
        UUID machineId,
        Optional<ProviderType> provider,
        Optional<ProviderID> providerId,
        WorkProcess process,
        Instant until,
        String kind,
        String cause,
        int failures) {}
