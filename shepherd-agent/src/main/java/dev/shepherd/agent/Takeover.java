package dev.shepherd.agent;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.takeover.TakeoverError;
import dev.shepherd.agent.messages.takeover.TakeoverInit;
import dev.shepherd.agent.messages.takeover.TakeoverResponse;
import dev.shepherd.agent.messages.takeover.TakeoverSuccess;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.GeneralSecurityException;
import java.util.Objects;
import java.util.Optional;

/**
 * Answers a takeover: makes a key, keeps it with what was said, starts the process that reports, and says so. If that
 * process does not start, the agent that was here before goes on, and the answer says why.
 */
final class Takeover {

    private static final int MOST_BYTES = 1 << 20;

    /** Becomes the agent that a takeover asks for. */
    interface Beginning {

        /** Returns who it is from now on. The message of what is thrown is for people. */
        Identity begin(TakeoverInit init) throws IOException, GeneralSecurityException, InterruptedException;
    }

    private Takeover() {}

    /** Answers with a process of its own that goes on. Returns the status to exit with. */
    static int answer(Home home, InputStream in, OutputStream out) throws IOException, InterruptedException {
        answer(in, out, init -> begin(home, init));
        return 0;
    }

    /** Reads what an agent is told, and answers with its key or with what is wrong. Returns whether it has begun. */
    static boolean answer(InputStream in, OutputStream out, Beginning beginning)
            throws IOException, InterruptedException {
        TakeoverResponse response;
        try {
            byte[] received = in.readNBytes(MOST_BYTES + 1);
            if (received.length > MOST_BYTES) {
                throw new IOException("the message on standard input has more than " + MOST_BYTES + " bytes");
            }
            TakeoverInit init = TakeoverInit.parseFrom(received);
            byte[] key = beginning.begin(init).publicKey();
            response = TakeoverResponse.newBuilder()
                    .setSuccess(
                            TakeoverSuccess.newBuilder().setInitMessage(init).setKey(ByteString.copyFrom(key)))
                    .build();
        } catch (IOException | GeneralSecurityException | IllegalArgumentException e) {
            response = TakeoverResponse.newBuilder()
                    .setError(TakeoverError.newBuilder().setMessage(String.valueOf(e.getMessage())))
                    .build();
        }
        out.write(response.toByteArray());
        out.flush();
        return response.hasSuccess();
    }

    /** Returns who the agent before is. What cannot be read must not keep the next one away. */
    private static Optional<Identity> before(Home home) {
        try {
            return Identity.read(home);
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static Identity begin(Home home, TakeoverInit init)
            throws IOException, GeneralSecurityException, InterruptedException {
        Identity identity = Identity.of(init);
        Optional<Identity> before = before(home);
        Service service = Service.of(home);
        String runtimeBefore = service.runtime();
        identity.write(home);
        try {
            service.use(Objects.requireNonNullElse(System.getenv("SHEPHERD_AGENT_RUNTIME"), runtimeBefore));
            service.restart(identity);
        } catch (IOException e) {
            if (before.isPresent()) {
                before.get().write(home);
                service.use(runtimeBefore);
                service.restart(before.get());
            } else {
                home.delete(Identity.FILE);
            }
            throw e;
        }
        service.removeOtherRuntimes();
        return identity;
    }
}
