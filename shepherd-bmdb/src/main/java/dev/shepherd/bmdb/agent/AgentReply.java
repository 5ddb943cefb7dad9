package dev.shepherd.bmdb.agent;

import dev.shepherd.bmdb.MachineRecord.InstallationRequest;
import java.util.Optional;

/**
 * What an agent is told. Immutable, except the byte array in it, which is the caller's own.
 *
 * @param installationRequest the installation that is to be carried out, if there is one that is not fulfilled. An
 *     agent that reported its failure gets it again: whether to try once more is the agent's to decide
 */
public record AgentReply(Optional<InstallationRequest> installationRequest) {

    public static final AgentReply NOTHING_TO_DO = new AgentReply(Optional.empty());
}
