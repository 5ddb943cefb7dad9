package dev.shepherd.benchmarks;

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
import java.util.Base64;
import java.util.Locale;
import java.util.Random;
import java.util.UUID;

/**
 * An agent that costs next to nothing to run, so that two hundred on one host do not hide what is measured: a shell
 * script of four lines, padded with random bytes that are uploaded and never looked at. It answers the protocol of the
 * takeover truly: what it is told stands in its answer, between two pieces that are prepared. That works because all
 * init messages of one benchmark are equally long. Its public key is the same on all machines.
 */
final class LightAgent {

    private static final String ENDPOINT = "https://bmaas.example:8443";
    /** A certificate of an ed25519 key that is nowhere. */
    private static final byte[] CA_CERTIFICATE = Base64.getDecoder()
            .decode("MIIBPjCB8aADAgECAhRBcWEf8a7JzPsiFbKe66AXJJBizDAFBgMrZXAwFDESMBAGA1UEAwwJVGVzdCBDQSBBMCAXDT"
                    + "I2MTEyOTAzMjc1OVoYDzIxMjYxMTA1MDMyNzU5WjAUMRIwEAYDVQQDDAlUZXN0IENBIEEwKjAFBgMrZXADIQCDsuJR"
                    + "JVDnXq7YQxlMF1vzDTFNPi7xHs06M/GNGR7j+6NTMFEwHQYDVR0OBBYEFFJe76qQrCihEtmedw8OoIzlWYENMB8GA1"
                    + "UdIwQYMBaAFFJe76qQrCihEtmedw8OoIzlWYENMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EASJcmAEOpTY0qRwKL"
                    + "Ov1+WDG03LrDVk957TT0WMnjzFSEZged8Jc7QCDbNdt6TZWp6cknJJI6LbHvUNWMFMC3Bw==");

    private static final int BLOCK = 64 * 1024;

    private LightAgent() {}

    static String endpoint() {
        return ENDPOINT;
    }

    static byte[] caCertificate() {
        return CA_CERTIFICATE.clone();
    }

    /** Returns what the agent of a machine is told. */
    static TakeoverInit init(UUID machineId) {
        return TakeoverInit.newBuilder()
                .setMachineId(machineId.toString())
                .setBmaasEndpoint(ENDPOINT)
                .setCaCertificate(ByteString.copyFrom(CA_CERTIFICATE))
                .build();
    }

    /** Returns what the agent of a machine answers. */
    static TakeoverResponse answer(TakeoverInit init) {
        // The base point of the curve.
        byte[] key = new byte[32];
        Arrays.fill(key, (byte) 0x66);
        key[0] = 0x58;
        return TakeoverResponse.newBuilder()
                .setSuccess(TakeoverSuccess.newBuilder().setInitMessage(init).setKey(ByteString.copyFrom(key)))
                .build();
    }

    /** Writes an executable file of so many bytes. */
    static void write(Path file, long size) throws IOException {
        TakeoverInit init = init(new UUID(1, 2));
        String answer = latin1(answer(init).toByteString());
        String told = latin1(init.toByteString());
        int at = answer.indexOf(told);
        byte[] script = "#!/bin/sh\nprintf '%s'\ncat\nprintf '%s'\nexit 0\n"
                .formatted(octal(answer.substring(0, at)), octal(answer.substring(at + told.length())))
                .getBytes(StandardCharsets.US_ASCII);
        try (OutputStream out = Files.newOutputStream(file)) {
            out.write(script);
            byte[] block = new byte[BLOCK];
            new Random(size).nextBytes(block);
            for (long left = size - script.length; left > 0; left -= block.length) {
                out.write(block, 0, (int) Math.min(left, block.length));
            }
        }
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private static String latin1(ByteString bytes) {
        return bytes.toString(StandardCharsets.ISO_8859_1);
    }

    private static String octal(String latin1) {
        StringBuilder octal = new StringBuilder();
        latin1.chars().forEach(c -> octal.append(String.format(Locale.ROOT, "\\%03o", c)));
        return octal.toString();
    }
}
