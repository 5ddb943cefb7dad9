package dev.shepherd.callback;

import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentReply;
import java.nio.ByteBuffer;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A request as its transport has read it, before anything of it is believed. */
interface IncomingCall {

    /** A machine and the key of its agent. */
    record Agent(UUID machineId, ByteBuffer key) {}

    /** Returns who the caller claims to be. */
    Agent agent();

    /** Returns when it was signed, in milliseconds since 1970; null if the caller has proved by TLS that it has the key. */
    @Nullable
    Long signedMillis();

    /**
     * Checks the signature, if there is one, and reads the body. It may take a while.
     *
     * @throws Refusal if the signature is not by that key and for that body, or the body is malformed
     */
    AgentCall verify(byte[] body) throws Refusal;

    /** Returns the body of the answer to a request that was carried out. */
    byte[] answer(AgentReply reply);
}
