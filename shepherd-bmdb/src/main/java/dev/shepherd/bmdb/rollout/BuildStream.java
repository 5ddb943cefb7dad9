package dev.shepherd.bmdb.rollout;

import dev.shepherd.bmdb.MachineRecord.AgentBuild;
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

/** Finds out which build of an agent is read. Nothing may be skipped. Used by one thread. */
public final class BuildStream extends FilterInputStream {

    /** Where the version is looked for. */
    private static final int HEAD = 4096;

    private static final Pattern VERSION =
            Pattern.compile("^# Shepherd-Agent-Version: ([!-~](?:[ -~]{0,98}[!-~])?) *$", Pattern.MULTILINE);

    private final MessageDigest digest = sha256();
    private final ByteArrayOutputStream head = new ByteArrayOutputStream(HEAD);

    public BuildStream(InputStream in) {
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

    /** Tells which build was read. To be asked once, at its end. */
    public AgentBuild build() {
        Matcher version = VERSION.matcher(head.toString(StandardCharsets.ISO_8859_1));
        return new AgentBuild(
                HexFormat.of().formatHex(digest.digest()),
                version.find() ? Optional.of(version.group(1)) : Optional.empty());
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
