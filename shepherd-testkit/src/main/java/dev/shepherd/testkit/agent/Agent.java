package dev.shepherd.testkit.agent;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.util.Arrays;

/**
 * The test agent: reads a {@code TakeoverInit} from standard input and answers with a
 * {@code TakeoverResponse} on standard output.
 *
 * <p>Everything it needs is in this one class and the JDK: it is copied out of the testkit into an
 * executable of its own, and the time it takes to start counts.
 */
final class Agent {

    private static final int KEY_BYTES = 32;

    /** For ever, as far as a takeover goes; but should nobody be left to end this process, it ends. */
    private static final long LONG_ENOUGH_MILLIS = 3_600_000;

    private Agent() {}

    /**
     * Answers one takeover.
     *
     * @param args not used
     */
    public static void main(String[] args) throws IOException, GeneralSecurityException, InterruptedException {
        InputStream in = System.in;
        byte[] init = in.readAllBytes();
        String mood = System.getenv("SHEPHERD_TEST_AGENT_MOOD");
        OutputStream out = System.out;
        switch (mood == null ? "NORMAL" : mood) {
            case "HANG_IN_AGENT" -> Thread.sleep(LONG_ENOUGH_MILLIS);
            case "ENDLESS_OUTPUT" -> writeForever(System.out);
            case "ENDLESS_ERRORS" -> writeForever(System.err);
            case "GARBAGE_ANSWER" -> {
                byte[] garbage = new byte[256];
                Arrays.fill(garbage, (byte) 0xff);
                out.write(garbage);
            }
            case "EMPTY_ANSWER" -> {}
            case "WRONG_INIT" -> out.write(success(anotherInit(), newKey()));
            case "SHORT_KEY" -> out.write(success(init, Arrays.copyOf(newKey(), KEY_BYTES - 1)));
            case "AGENT_ERROR" -> out.write(error("the test agent was told to fail"));
            case "AGENT_CRASH" -> {
                System.err.println("test agent: told to crash");
                System.err.flush();
                Runtime.getRuntime().halt(3);
            }
            default -> out.write(success(init, newKey()));
        }
        out.flush();
        // Nothing is left to be done: leave without the JVM's usual farewell.
        Runtime.getRuntime().halt(0);
    }

    /** Makes a key pair and returns its public key, as the 32 bytes of RFC 8032. */
    private static byte[] newKey() throws GeneralSecurityException {
        byte[] encoded = KeyPairGenerator.getInstance("Ed25519")
                .generateKeyPair()
                .getPublic()
                .getEncoded();
        // A SubjectPublicKeyInfo of Ed25519 ends with the key itself (RFC 8410).
        return Arrays.copyOfRange(encoded, encoded.length - KEY_BYTES, encoded.length);
    }

    private static byte[] anotherInit() {
        return field(1, "another-machine".getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] success(byte[] init, byte[] key) {
        return field(1, join(field(1, init), field(2, key)));
    }

    private static byte[] error(String message) {
        return field(2, field(1, message.getBytes(StandardCharsets.UTF_8)));
    }

    /** Encodes a length-delimited field of protocol buffers: messages, strings and bytes alike. */
    private static byte[] field(int number, byte[] value) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(value.length + 8);
        out.write((number << 3) | 2);
        int rest = value.length;
        while (rest > 0x7f) {
            out.write((rest & 0x7f) | 0x80);
            rest >>>= 7;
        }
        out.write(rest);
        out.writeBytes(value);
        return out.toByteArray();
    }

    private static byte[] join(byte[] first, byte[] second) {
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    private static void writeForever(PrintStream out) {
        byte[] block = new byte[64 * 1024];
        Arrays.fill(block, (byte) 'x');
        while (!out.checkError()) {
            out.write(block, 0, block.length);
        }
    }
}
