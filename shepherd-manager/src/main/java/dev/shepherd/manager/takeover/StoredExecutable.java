package dev.shepherd.manager.takeover;

import dev.shepherd.bmdb.rollout.RolloutTakeovers.Stored;
import dev.shepherd.bmdb.rollout.StoredAgents;
import java.io.InputStream;

/** An agent executable of a rollout, which is read from the database while it is uploaded. */
record StoredExecutable(StoredAgents agents, Stored stored) implements AgentExecutable {

    @Override
    public long length() {
        return stored.size();
    }

    @Override
    public InputStream open() {
        return agents.open(stored.build(), stored.size());
    }

    @Override
    public String toString() {
        return stored.build() + " in the database";
    }
}
