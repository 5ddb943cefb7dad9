package dev.shepherd.testkit.agent;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.Main;
import dev.shepherd.agent.messages.takeover.TakeoverError;
import dev.shepherd.agent.messages.takeover.TakeoverInit;
import dev.shepherd.agent.messages.takeover.TakeoverResponse;
import dev.shepherd.agent.messages.takeover.TakeoverSuccess;
import java.io.IOException;
import java.io.PrintStream;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.util.Arrays;

/** The test agent: Shepherd's agent, but for the moods in which it gets a takeover wrong. */
final class Agent {

    private static final int KEY_BYTES = 32;

    /** For ever, as far as a takeover goes; but if no process is left to end this one, it ends. */
    private static final long LONG_ENOUGH_MILLIS = 3_600_000;

    private Agent() {}

    /**
     * Answers one takeover.
     *
     * @param args the folder in which the agent keeps what it must know
     */
    public static void main(String[] args) throws IOException, GeneralSecurityException, InterruptedException {
        String mood = System.getenv("SHEPHERD_TEST_AGENT_MOOD");
        if (mood == null || !getsWrong(mood)) {
            Main.main(new String[] {"stay", args[0]});
        }
        System.out.flush();
    }

    private static boolean getsWrong(String mood) throws IOException, GeneralSecurityException, InterruptedException {
        switch (mood) {
            case "HANG_IN_AGENT" -> {
                read();
                Thread.sleep(LONG_ENOUGH_MILLIS);
            }
            case "ENDLESS_OUTPUT" -> writeForever(System.out);
            case "ENDLESS_ERRORS" -> writeForever(System.err);
            case "GARBAGE_ANSWER" -> {
                read();
                byte[] garbage = new byte[256];
                Arrays.fill(garbage, (byte) 0xff);
                System.out.write(garbage);
            }
            case "EMPTY_ANSWER" -> read();
            case "WRONG_INIT" -> {
                read();
                TakeoverInit another = TakeoverInit.newBuilder()
                        .setMachineId("another-machine")
                        .build();
                System.out.write(success(another, newKey()));
            }
            case "SHORT_KEY" -> {
                TakeoverInit init = TakeoverInit.parseFrom(read());
                System.out.write(success(init, Arrays.copyOf(newKey(), KEY_BYTES - 1)));
            }
            case "AGENT_ERROR" -> {
                read();
                System.out.write(TakeoverResponse.newBuilder()
                        .setError(TakeoverError.newBuilder().setMessage("the test agent was told to fail"))
                        .build()
                        .toByteArray());
            }
            case "AGENT_CRASH" -> {
                read();
                System.err.println("test agent: told to crash");
                System.err.flush();
                Runtime.getRuntime().halt(3);
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    private static byte[] read() throws IOException {
        return System.in.readAllBytes();
    }

    private static byte[] success(TakeoverInit init, byte[] key) {
        return TakeoverResponse.newBuilder()
                .setSuccess(TakeoverSuccess.newBuilder().setInitMessage(init).setKey(ByteString.copyFrom(key)))
                .build()
                .toByteArray();
    }

    /** Returns the public key of a new pair as the 32 bytes of RFC 8032, which end its encoding (RFC 8410). */
    private static byte[] newKey() throws GeneralSecurityException {
        byte[] encoded = KeyPairGenerator.getInstance("Ed25519")
                .generateKeyPair()
                .getPublic()
                .getEncoded();
        return Arrays.copyOfRange(encoded, encoded.length - KEY_BYTES, encoded.length);
    }

    private static void writeForever(PrintStream out) throws IOException {
        read();
        byte[] block = new byte[64 * 1024];
        Arrays.fill(block, (byte) 'x');
        while (!out.checkError()) {
            out.write(block, 0, block.length);
        }
    }
}
