package dev.shepherd.manager.takeover;

import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.manager.takeover.ssh.UploadSource;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The executable of one takeover, of the length that it had at the start: another one by now would be cut off or padded.
 * Tells which build it is from what was uploaded: the file may have been replaced since.
 *
 * <p>Used by one thread at a time.
 */
final class Executable implements UploadSource {

    /** Where the version is looked for. */
    private static final int HEAD = 4096;

    private static final Pattern VERSION =
            Pattern.compile("^# Shepherd-Agent-Version: ([!-~](?:[ -~]{0,98}[!-~])?) *$", Pattern.MULTILINE);

    private final AgentExecutable executable;
    private final long length;
    private @Nullable Upload last;

    Executable(AgentExecutable executable, long length) {
        this.executable = executable;
        this.length = length;
    }

    @Override
    public long length() {
        return length;
    }

    @Override
    public InputStream open() throws IOException {
        Upload upload = new Upload(executable.open());
        last = upload;
        return upload;
    }

    /** Tells which build was read last, once it was read to its end. */
    AgentBuild build() {
        if (last == null) {
            throw new IllegalStateException("the executable was not read");
        }
        return last.build();
    }

    @Override
    public String toString() {
        return executable.toString();
    }

    /** Looks at what is read. */
    private static final class Upload extends FilterInputStream {

        private final MessageDigest digest = sha256();
        private final ByteArrayOutputStream head = new ByteArrayOutputStream(HEAD);

        Upload(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            int count = super.read(into, offset, length);
            if (count > 0) {
                digest.update(into, offset, count);
                head.write(into, offset, Math.min(count, HEAD - head.size()));
            }
            return count;
        }

        AgentBuild build() {
            Matcher version = VERSION.matcher(head.toString(StandardCharsets.ISO_8859_1));
            return new AgentBuild(
                    HexFormat.of().formatHex(digest.digest()),
                    version.find() ? Optional.of(version.group(1)) : Optional.empty());
        }

        private static MessageDigest sha256() {
            try {
                return MessageDigest.getInstance("SHA-256");
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException("every Java has SHA-256", e);
            }
        }
    }
}
