package dev.shepherd.bmdb.operator;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.WorkProcess;
import java.util.Optional;
import java.util.UUID;

/**
 * Which of the backoffs in force: those for which everything holds that is given. Immutable.
 *
 * @param machineId those of this machine
 * @param provider those of this provider's machines
 * @param process those that keep this process off
 * @param kind those with a cause of this kind, as in {@link dev.shepherd.bmdb.Work.Cause#kind()}
 * @param cause those whose cause contains this text, in upper or lower case alike
 */
public record BackoffFilter(
        Optional<UUID> machineId,
        Optional<ProviderType> provider,
        Optional<WorkProcess> process,
        Optional<String> kind,
        Optional<String> cause) {

    /** All backoffs in force. */
    public static final BackoffFilter ALL =
            new BackoffFilter(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());

    /** Returns the filter for what also is of this machine. */
    public BackoffFilter ofMachine(UUID machineId) {
        return new BackoffFilter(Optional.of(machineId), provider, process, kind, cause);
    }

    /** Returns the filter for what also is of a machine of this provider. */
    public BackoffFilter ofProvider(ProviderType provider) {
        return new BackoffFilter(machineId, Optional.of(provider), process, kind, cause);
    }

    /** Returns the filter for what also keeps this process off. */
    public BackoffFilter ofProcess(WorkProcess process) {
        return new BackoffFilter(machineId, provider, Optional.of(process), kind, cause);
    }

    /** Returns the filter for what also has a cause of this kind. */
    public BackoffFilter ofKind(String kind) {
        return new BackoffFilter(machineId, provider, process, Optional.of(kind), cause);
    }

    /** Returns the filter for what also has a cause that contains this text, in upper or lower case alike. */
    public BackoffFilter withCause(String cause) {
        return new BackoffFilter(machineId, provider, process, kind, Optional.of(cause));
    }
}
