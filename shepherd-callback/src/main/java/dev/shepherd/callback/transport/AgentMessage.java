package dev.shepherd.callback.transport;

import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentReply;
import java.util.UUID;

/** What a request says, once a transport has read it. Used by several threads, one after another. */
public interface AgentMessage {

    /** Returns which machine the caller claims to be on. */
    UUID machineId();

    /** Tells whether there are reports. */
    boolean hasReports();

    /** Returns a call with the reports added. */
    AgentCall addReports(AgentCall call);

    /** Returns the body of the answer to a request that was carried out. */
    byte[] answer(AgentReply reply);
}
