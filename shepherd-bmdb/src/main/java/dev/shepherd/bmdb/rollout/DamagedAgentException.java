package dev.shepherd.bmdb.rollout;

import dev.shepherd.bmdb.MachineRecord.AgentBuild;

/** An executable is not in the database as it was stored, so that no machine must get it. */
public final class DamagedAgentException extends Exception {

    private static final long serialVersionUID = 1L;

    DamagedAgentException(AgentBuild build, String damage) {
        super("the executable of agent " + build + " is damaged in the database: " + damage);
    }
}
