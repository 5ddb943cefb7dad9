package dev.shepherd.testkit.agent;

import dev.shepherd.testkit.ssh.Mood;
import dev.shepherd.testkit.ssh.SshHost;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes the test agent: a real executable to upload to a machine and to run there.
 *
 * <p>It is one self-contained file, a shell script with a jar appended, that needs a POSIX shell and a Java 17
 * or newer on the machine: the one in {@code JAVA_HOME}, else the one that wrote the file, else the one on the
 * {@code PATH}. It reads a {@code TakeoverInit} from standard input until its end, answers on standard output
 * with a {@code TakeoverResponse} that echoes the message byte for byte and carries a fresh ed25519 key, and
 * exits with 0. On an {@link SshHost} it obeys the host's {@link Mood}.
 *
 * <p>If the endpoint in the {@code TakeoverInit} is an {@code http://} URL, or an {@code https://} one with the
 * certificate to know it by, the command ends with the answer, but the
 * agent stays in the background and sends heartbeats there, as {@code docs/agents.md} describes: one a minute, or as
 * often as {@link SshHost.Builder#agentInterval} says. It ends when it was not heard for five minutes, or was refused
 * for half a minute; {@link SshHost#reboot()} and {@link SshHost#close()} end it at once.
 *
 * <p>Safe for use by several threads.
 */
public final class TestAgent {

    private static final String MAIN_CLASS = "dev.shepherd.testkit.agent.Agent";

    private TestAgent() {}

    /**
     * Writes the executable, of some 15 KB, in place of whatever the file held.
     *
     * @param file where to write it; its folder exists
     * @return the file, with mode 0755 where the file system knows modes
     * @throws UncheckedIOException if the file cannot be written
     */
    public static Path write(Path file) {
        return write(file, 0);
    }

    /**
     * Writes the executable and makes it larger, to stand for agents that take a while to upload. The padding
     * does not compress, and costs nothing at run time.
     *
     * @param file where to write it; its folder exists
     * @param paddingBytes by how much to make it larger, in bytes; 0 for not at all
     * @return the file, with mode 0755 where the file system knows modes
     * @throws IllegalArgumentException if the padding is negative
     * @throws UncheckedIOException if the file cannot be written
     */
    public static Path write(Path file, long paddingBytes) {
        if (paddingBytes < 0) {
            throw new IllegalArgumentException("the padding has " + paddingBytes + " bytes, which is negative");
        }
        try {
            try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
                out.write(stub().getBytes(StandardCharsets.UTF_8));
                writePadding(out, paddingBytes);
                writeJar(out);
            }
            if (file.getFileSystem().supportedFileAttributeViews().contains("posix")) {
                Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write the test agent to " + file, e);
        }
        return file;
    }

    private static String stub() {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        return """
                #!/bin/sh
                # The test agent of Shepherd: this script, and a jar after its end.
                if [ -n "$JAVA_HOME" ] && [ -x "$JAVA_HOME/bin/java" ]; then
                  java=$JAVA_HOME/bin/java
                elif [ -x %s ]; then
                  java=%s
                else
                  java=java
                fi
                # An agent that stays ends this script when it has answered: that is the end of the command.
                SHEPHERD_TEST_AGENT_STARTER=$$
                export SHEPHERD_TEST_AGENT_STARTER
                trap 'exit 0' TERM
                # A shell takes the standard input from what it starts in the background, unless it is a copy.
                exec 3<&0
                "$java" -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData \\
                  -Xms16m -Xmx32m -cp "$0" %s "$@" <&3 3<&- &
                wait "$!"
                exit "$?"
                """.formatted(quoted(java), quoted(java), MAIN_CLASS);
    }

    /** Quotes a path for a POSIX shell. */
    private static String quoted(String path) {
        return "'" + path.replace("'", "'\\''") + "'";
    }

    private static void writePadding(OutputStream out, long bytes) throws IOException {
        Random random = new Random(bytes);
        byte[] block = new byte[64 * 1024];
        for (long left = bytes; left > 0; left -= block.length) {
            random.nextBytes(block);
            out.write(block, 0, (int) Math.min(left, block.length));
        }
    }

    private static void writeJar(OutputStream out) throws IOException {
        String entry = MAIN_CLASS.replace('.', '/') + ".class";
        byte[] mainClass;
        try (InputStream in = TestAgent.class.getResourceAsStream("Agent.class")) {
            if (in == null) {
                throw new IOException("the class of the test agent is missing from the testkit: " + entry);
            }
            mainClass = in.readAllBytes();
        }
        // Stored rather than deflated: it is read sooner.
        ZipOutputStream jar = new ZipOutputStream(out);
        ZipEntry zipEntry = new ZipEntry(entry);
        zipEntry.setMethod(ZipEntry.STORED);
        zipEntry.setTime(0);
        zipEntry.setSize(mainClass.length);
        CRC32 crc = new CRC32();
        crc.update(mainClass);
        zipEntry.setCrc(crc.getValue());
        jar.putNextEntry(zipEntry);
        jar.write(mainClass);
        jar.closeEntry();
        jar.finish();
    }
}
