package dev.shepherd.bmdb.operator;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.WorkProcess;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * Something that the loops leave alone for now: the combination of machine or selector, provider and process, where an
 * empty one stands for all. Work that was claimed before goes on. Immutable.
 *
 * @param id by which it is ended
 * @param machineId which machine; empty for all
 * @param selector the machines that this selects by their labels as they are at each moment; empty for all. Always empty if
 *     the machine is not
 * @param provider the machines of which provider; empty for all
 * @param process which process; empty for all. If the machine and the selector are empty too, the provider's provisioner
 *     and updater do not call it either
 * @param by who paused it
 * @param reason why
 * @param at since when
 * @param until until when; empty for until it is ended
 */
public record Pause(
        UUID id,
        Optional<UUID> machineId,
        Optional<Selector> selector,
        Optional<ProviderType> provider,
        Optional<WorkProcess> process,
        String by,
        String reason,
        Instant at,
        Optional<Instant> until) {

    /** Returns what is paused, for people. */
    public String scope() {
        String what = process.map(WorkProcess::name).orElse("everything");
        return what
                + machineId.map(id -> " on machine " + id).orElse("")
                + selector.map(labels -> " on machines with " + labels).orElse("")
                + provider.map(type -> " of provider " + type).orElse("");
    }
}
