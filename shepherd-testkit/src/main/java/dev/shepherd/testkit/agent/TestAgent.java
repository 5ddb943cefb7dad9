package dev.shepherd.testkit.agent;

import dev.shepherd.agent.AgentJar;
import dev.shepherd.testkit.ssh.Mood;
import dev.shepherd.testkit.ssh.SshHost;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Random;
import java.util.zip.Deflater;

/**
 * Writes the test agent: a real executable to upload to a machine and to run there.
 *
 * <p>It is Shepherd's own agent, run by the Java that is there: one self-contained file, a shell script with a jar appended,
 * that needs a POSIX shell and a Java 17 or newer on the machine: the one in {@code JAVA_HOME}, else the one that wrote the
 * file, else the one on the {@code PATH}. At a takeover it does what {@code docs/agents.md} describes, and refuses what an
 * agent cannot report with, such as an endpoint that is no URL. On an {@link SshHost} it obeys the host's {@link Mood}.
 *
 * <p>The command ends with the answer, but the agent stays in the background and reports: once a minute, or as often as
 * {@link SshHost.Builder#agentInterval} says. It has no need of root, and no part in what starts with the machine: what it
 * keeps, and its log, {@code agent.log}, are in the folder {@code $SHEPHERD_AGENT_HOME}, or beside the executable in one
 * of its name with {@code .home} after it. It ends when no request has succeeded for five minutes, or when it is told that
 * the machine has no use for it; {@link SshHost#reboot()} and {@link SshHost#close()} end it at once.
 *
 * <p>Safe for use by several threads.
 */
public final class TestAgent {

    private TestAgent() {}

    /**
     * Writes the executable, of some 2 MB, in place of whatever the file held.
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
                AgentJar.write(out, Deflater.BEST_SPEED, Agent.class);
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
                umask 077
                home=${SHEPHERD_AGENT_HOME:-$0.home}
                if [ -n "$JAVA_HOME" ] && [ -x "$JAVA_HOME/bin/java" ]; then
                  java=$JAVA_HOME/bin/java
                elif [ -x %s ]; then
                  java=%s
                else
                  java=java
                fi
                # An agent that stays ends this script when it has answered: that is the end of the command.
                SHEPHERD_AGENT_STARTER=$$
                export SHEPHERD_AGENT_STARTER
                trap 'exit 0' TERM
                # A shell takes the standard input from what it starts in the background, unless it is a copy.
                exec 3<&0
                "$java" -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData \\
                  -Xms4m -Xmx24m -Xss256k -XX:ReservedCodeCacheSize=16m -XX:MaxDirectMemorySize=4m \\
                  -Djdk.httpclient.keepalive.timeout=80 \\
                  -Dshepherd.agent.interval.millis="${SHEPHERD_TEST_AGENT_INTERVAL_MILLIS:-60000}" \\
                  -Dshepherd.agent.patience.millis="${SHEPHERD_TEST_AGENT_PATIENCE_MILLIS:-300000}" \\
                  -cp "$0" %s "$home" <&3 3<&- &
                wait "$!"
                exit "$?"
                """.formatted(quoted(java), quoted(java), Agent.class.getName());
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
}
