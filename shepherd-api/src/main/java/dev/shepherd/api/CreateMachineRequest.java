package dev.shepherd.api;

import java.util.Objects;
import java.util.Optional;
import java.util.UUID;

/**
 * What the manager asks of {@link Provider#createMachine}.
 *
 * <p>The intent is recorded in the database before the provider is called, and becomes the id of the machine. At
 * whatever instant the process dies, a later call carries the same intent: a provider that marks what it creates with
 * the intent, and looks for that mark before it creates, makes each machine once. Immutable.
 *
 * @param intentId the id of the intent, and of the machine that comes out of it
 * @param machine the free machine to take, as the provider itself listed it (never one that is {@link
 *     Availability#KNOWN_USED}); empty where the provider is to choose one from its capacity
 */
public record CreateMachineRequest(UUID intentId, Optional<Machine> machine) {

    /**
     * Checks the request.
     *
     * @throws IllegalArgumentException if the machine is known to be used already
     */
    public CreateMachineRequest {
        Objects.requireNonNull(intentId, "intentId");
        Objects.requireNonNull(machine, "machine");
        machine.ifPresent(m -> {
            if (m.availability() == Availability.KNOWN_USED || m.availability() == Availability.UNDEFINED) {
                throw new IllegalArgumentException(
                        "machine " + m.id() + " is " + m.availability() + " and cannot be created");
            }
        });
    }

    /** Asks for one machine in particular. */
    public static CreateMachineRequest of(UUID intentId, Machine machine) {
        return new CreateMachineRequest(intentId, Optional.of(machine));
    }

    /** Asks for any machine of the provider's choice. */
    public static CreateMachineRequest any(UUID intentId) {
        return new CreateMachineRequest(intentId, Optional.empty());
    }
}
