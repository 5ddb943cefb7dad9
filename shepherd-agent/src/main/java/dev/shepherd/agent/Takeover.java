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

    private Takeover() {}

    /** Returns the status to exit with. */
    static int answer(Home home, InputStream in, OutputStream out) throws IOException, InterruptedException {
        TakeoverResponse response;
        try {
            byte[] received = in.readNBytes(MOST_BYTES + 1);
            if (received.length > MOST_BYTES) {
                throw new IOException("the message on standard input has more than " + MOST_BYTES + " bytes");
            }
            TakeoverInit init = TakeoverInit.parseFrom(received);
            byte[] key = begin(home, init).publicKey();
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
        return 0;
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
