package dev.shepherd.manager.takeover;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.takeover.TakeoverInit;
import dev.shepherd.agent.messages.takeover.TakeoverResponse;
import dev.shepherd.agent.messages.takeover.TakeoverSuccess;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Random;
import java.util.UUID;

/**
 * An agent that is a shell script of a few lines, where a Java one would take its time: it puts what it is told between
 * two pieces of a prepared answer. That works because all init messages of {@link TakeoverFixture} are equally long.
 */
final class QuickAgent {

    private QuickAgent() {}

    /** Writes the script, made larger by so many bytes that it never looks at. */
    static Path write(Path file, long padding) throws IOException {
        return write(file, script(), padding);
    }

    static Path write(Path file, String script, long padding) throws IOException {
        try (OutputStream out = Files.newOutputStream(file)) {
            out.write(("#!/bin/sh\n" + script + "\nexit $?\n").getBytes(StandardCharsets.US_ASCII));
            byte[] block = new byte[64 * 1024];
            new Random(padding).nextBytes(block);
            for (long left = padding; left > 0; left -= block.length) {
                out.write(block, 0, (int) Math.min(left, block.length));
            }
        }
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    }

    /** Returns the lines that answer well. */
    static String script() {
        TakeoverInit init = TakeoverInit.newBuilder()
                .setMachineId(new UUID(1, 2).toString())
                .setBmaasEndpoint(TakeoverFixture.ENDPOINT)
                .setCaCertificate(ByteString.copyFrom(TestCertificates.A_DER))
                .build();
        String answer = latin1(answer(init, key()));
        String told = latin1(init.toByteString());
        int at = answer.indexOf(told);
        return "printf '%s'\ncat\nprintf '%s'"
                .formatted(octal(answer.substring(0, at)), octal(answer.substring(at + told.length())));
    }

    /** Returns a line that answers with a message, whatever it is told. */
    static String scriptThatSays(TakeoverResponse response) {
        return "cat > /dev/null\nprintf '%s'".formatted(octal(latin1(response.toByteString())));
    }

    static ByteString key() {
        // The base point of the curve.
        byte[] key = new byte[32];
        Arrays.fill(key, (byte) 0x66);
        key[0] = 0x58;
        return ByteString.copyFrom(key);
    }

    private static ByteString answer(TakeoverInit init, ByteString key) {
        return TakeoverResponse.newBuilder()
                .setSuccess(TakeoverSuccess.newBuilder().setInitMessage(init).setKey(key))
                .build()
                .toByteString();
    }

    private static String latin1(ByteString bytes) {
        return bytes.toString(StandardCharsets.ISO_8859_1);
    }

    private static String octal(String latin1) {
        StringBuilder octal = new StringBuilder();
        latin1.chars().forEach(c -> octal.append("\\%03o".formatted(c)));
        return octal.toString();
    }
}
