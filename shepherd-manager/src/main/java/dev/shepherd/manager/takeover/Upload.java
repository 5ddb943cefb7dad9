package dev.shepherd.manager.takeover;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.manager.takeover.TakeoverException.Kind;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import net.schmizz.sshj.SSHClient;
import net.schmizz.sshj.common.SSHException;
import net.schmizz.sshj.connection.channel.direct.Session;
import net.schmizz.sshj.connection.channel.direct.SessionFactory;
import net.schmizz.sshj.sftp.FileAttributes;
import net.schmizz.sshj.sftp.OpenMode;
import net.schmizz.sshj.sftp.RemoteDirectory;
import net.schmizz.sshj.sftp.RemoteFile;
import net.schmizz.sshj.sftp.RemoteResourceInfo;
import net.schmizz.sshj.sftp.RenameFlags;
import net.schmizz.sshj.sftp.SFTPEngine;
import net.schmizz.sshj.sftp.SFTPException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts the agent executable in its place: under a name of its own first, then renamed over whatever is there. So a
 * running agent keeps its old file (writing to it would fail with "text file busy"), and nobody ever runs half of one.
 */
final class Upload {

    private static final Logger log = LoggerFactory.getLogger(Upload.class);

    private static final int MODE = 0755;

    private static final int MAX_CHUNK = 32 * 1024;

    /**
     * How many chunks may be on their way at least. OpenSSH keeps in memory what it has not written yet, and copies all
     * of it each time that it grows: a takeover with 10 MB cost the host 0.06 s of its processor with 16, 0.26 s with 64.
     */
    private static final int MIN_UNCONFIRMED = 16;

    /** Together with the chunk size this is what OpenSSH lets be on its way at most: 2 MiB. */
    private static final int MAX_UNCONFIRMED = 64;

    /** In bytes a second, what a machine that is far away shall not keep an upload from. */
    private static final double WANTED_RATE = 25_000_000;

    /** A takeover lasts at most a day ({@link AgentTakeover.Builder#totalTimeout}), and by default a minute. */
    private static final long LEFTOVER_SECONDS = TimeUnit.HOURS.toSeconds(1);

    /** How much a command may say; beyond that something is wrong. */
    private static final int MAX_OUTPUT = 64 * 1024;

    /** How much of what a command says is shown. */
    private static final int MAX_MESSAGE = 1024;

    private final SSHClient client;
    private final AgentExecutable executable;
    private final long length;
    private final BooleanSupplier connected;
    private final String target;
    private final String folder;
    private final String prefix;
    private final String temporary;
    private long roundTripNanos = Long.MAX_VALUE;

    Upload(SSHClient client, AgentExecutable executable, long length, String target, BooleanSupplier connected) {
        this.client = client;
        this.executable = executable;
        this.length = length;
        this.connected = connected;
        this.target = target;
        int slash = target.lastIndexOf('/');
        this.folder = slash == 0 ? "/" : target.substring(0, slash);
        this.prefix = "." + target.substring(slash + 1) + ".";
        this.temporary = target.substring(0, slash + 1) + prefix + UUID.randomUUID() + ".upload";
    }

    void run() throws IOException, StepFailure {
        Sftp sftp;
        try {
            sftp = Sftp.open(client);
        } catch (SSHException e) {
            if (!connected.getAsBoolean()) {
                throw e;
            }
            log.debug("no SFTP at {}, trying SCP", client.getRemoteSocketAddress(), Escaped.failure(e));
            scp(e);
            return;
        }
        try {
            sftp(sftp);
        } finally {
            sftp.close();
        }
    }

    private void sftp(Sftp sftp) throws IOException, StepFailure {
        boolean renamed = false;
        try {
            write(sftp);
            rename(sftp);
            renamed = true;
        } catch (SFTPException e) {
            // Asked before the tidying up, which makes room.
            String why = connected.getAsBoolean() ? whyNot() : "";
            if (why.isEmpty()) {
                throw e;
            }
            throw new StepFailure(
                    Kind.UPLOAD_FAILED,
                    "the agent executable cannot be put at \"%s\": SFTP status %s, \"%s\"; on the host, %s"
                            .formatted(
                                    Escaped.text(target, MAX_MESSAGE),
                                    e.getStatusCode(),
                                    Escaped.text(String.valueOf(e.getMessage()), MAX_MESSAGE),
                                    why),
                    e);
        } finally {
            if (!renamed && connected.getAsBoolean()) {
                remove(sftp, temporary);
            }
        }
    }

    /**
     * Asks the host for what SFTP has no word for, with what every shell has. Returns nothing where nothing is found or the
     * host does not say; the deadline of the takeover holds for this too.
     */
    private String whyNot() {
        String command = "t=" + ShellWord.quote(target) + "; f=" + ShellWord.quote(folder)
                + "; if [ -d \"$t\" ]; then echo \"$t is a directory\";"
                + " elif [ ! -e \"$f\" ]; then echo \"the folder $f does not exist\";"
                + " elif [ ! -d \"$f\" ]; then echo \"$f is not a folder\";"
                + " elif [ ! -w \"$f\" ]; then echo \"$f cannot be written to: $(df -P \"$f\" | tail -n 1)\";"
                + " else df -Pk \"$f\" | tail -n 1 | while read d size used free more; do"
                + " [ \"$free\" -ge " + (length / 1024 + 1)
                + " ] || echo \"the file system of $f has $free KiB left, of $size\"; done; fi";
        try (CommandChannel channel = CommandChannel.start(client, command, MAX_OUTPUT)) {
            channel.getOutputStream().close();
            byte[] said = channel.getInputStream().readNBytes(MAX_MESSAGE);
            return Escaped.text(new String(said, StandardCharsets.UTF_8).strip(), MAX_MESSAGE);
        } catch (IOException e) {
            log.debug("cannot ask {} why", client.getRemoteSocketAddress(), Escaped.failure(e));
            return "";
        }
    }

    private void write(Sftp sftp) throws IOException, StepFailure {
        FileAttributes attributes =
                new FileAttributes.Builder().withPermissions(MODE).build();
        try (RemoteFile file = timed(
                () -> sftp.open(temporary, EnumSet.of(OpenMode.WRITE, OpenMode.CREAT, OpenMode.EXCL), attributes))) {
            removeLeftovers(sftp);
            int most = sftp.getSubsystem().getRemoteMaxPacketSize() - file.getOutgoingPacketOverhead();
            int chunk = Math.max(1, Math.min(most, MAX_CHUNK));
            try (OutputStream out = file.new RemoteFileOutputStream(0, unconfirmed(roundTripNanos, chunk))) {
                copy(out, chunk);
            }
            // The mode given when opening goes through the umask.
            file.setAttributes(attributes);
        }
    }

    /** Returns how many chunks to have on their way: enough for the rate that is wanted, and not many more. */
    static int unconfirmed(long roundTripNanos, int chunk) {
        double onTheWay = roundTripNanos / 1e9 * WANTED_RATE;
        return (int) Math.min(MAX_UNCONFIRMED, Math.max(MIN_UNCONFIRMED, Math.ceil(onTheWay / chunk)));
    }

    private interface Question<T> {
        T ask() throws IOException;
    }

    /** Asks, and takes the time: the shortest one is how far away the host is, since others also wait for a processor. */
    private <T> T timed(Question<T> question) throws IOException {
        long askedAt = System.nanoTime();
        try {
            return question.ask();
        } finally {
            roundTripNanos = Math.min(roundTripNanos, System.nanoTime() - askedAt);
        }
    }

    private void copy(OutputStream out, int chunkSize) throws IOException, StepFailure {
        byte[] chunk = new byte[chunkSize];
        long sent = 0;
        try (InputStream in = source()) {
            for (int count; (count = read(in, chunk)) > 0; ) {
                out.write(chunk, 0, count);
                sent += count;
            }
        }
        if (sent != length) {
            throw changed(sent);
        }
    }

    private InputStream source() throws StepFailure {
        try {
            return executable.open();
        } catch (IOException | RuntimeException e) {
            throw unreadable(e);
        }
    }

    /** Fills the chunk as far as there is something left: each write is a packet. */
    private int read(InputStream in, byte[] chunk) throws StepFailure {
        try {
            return in.readNBytes(chunk, 0, chunk.length);
        } catch (IOException | RuntimeException e) {
            throw unreadable(e);
        }
    }

    private StepFailure unreadable(Exception cause) {
        return new StepFailure(
                Kind.EXECUTABLE_UNREADABLE, "the agent executable " + executable + " cannot be read: " + cause, cause);
    }

    private StepFailure changed(long sent) {
        return new StepFailure(
                Kind.EXECUTABLE_UNREADABLE,
                String.format(
                        Locale.ROOT,
                        "the agent executable %s changed under the upload: it had %d bytes, and then %d",
                        executable,
                        length,
                        sent));
    }

    private void rename(Sftp sftp) throws IOException {
        if (sftp.supportsServerExtension("posix-rename", "openssh.com")) {
            sftp.rename(temporary, target, EnumSet.of(RenameFlags.OVERWRITE));
            return;
        }
        // The rename of SFTP 3 replaces nothing. Whoever looks between the two sees no agent at all.
        remove(sftp, target);
        sftp.rename(temporary, target, EnumSet.noneOf(RenameFlags.class));
    }

    /**
     * Removes what takeovers that lost their connection could not remove: a few of those would fill the machine's disk.
     * By the machine's own clock they were last written to so long ago that whoever did must have given up.
     */
    private void removeLeftovers(Sftp sftp) throws IOException {
        Pattern name = Pattern.compile(Pattern.quote(prefix) + "[0-9a-f-]{36}\\.upload");
        try (RemoteDirectory directory = timed(() -> sftp.openDir(folder))) {
            List<RemoteResourceInfo> found = directory.scan(
                    (RemoteResourceInfo file) -> name.matcher(file.getName()).matches());
            long now = found.stream()
                    .filter(file -> file.getPath().equals(temporary))
                    .mapToLong(file -> file.getAttributes().getMtime())
                    .findAny()
                    .orElse(0);
            for (RemoteResourceInfo file : found) {
                if (file.getAttributes().getMtime() < now - LEFTOVER_SECONDS) {
                    remove(sftp, file.getPath());
                }
            }
        } catch (SFTPException e) {
            log.debug("cannot list {} at {}", folder, client.getRemoteSocketAddress(), Escaped.failure(e));
        }
    }

    private void remove(Sftp sftp, String path) {
        try {
            sftp.remove(path);
        } catch (IOException e) {
            log.debug(
                    "cannot remove {} at {}", Escaped.text(path), client.getRemoteSocketAddress(), Escaped.failure(e));
        }
    }

    /** Speaks the source's half of SCP's protocol, where a byte of 0 says that all is well, and 1 or 2 that it is not. */
    private void scp(SSHException noSftp) throws IOException, StepFailure {
        boolean done = false;
        String command = "scp -t " + ShellWord.quote(temporary);
        try (CommandChannel scp = CommandChannel.start(client, command, MAX_OUTPUT)) {
            InputStream answers = scp.getInputStream();
            OutputStream out = scp.getOutputStream();
            awaitAcknowledgement(scp, answers, noSftp);
            out.write(
                    String.format(Locale.ROOT, "C%04o %d agent\n", MODE, length).getBytes(StandardCharsets.US_ASCII));
            out.flush();
            awaitAcknowledgement(scp, answers, noSftp);
            copy(out, Math.max(1, Math.min(scp.getRemoteMaxPacketSize(), MAX_CHUNK)));
            out.write(0);
            out.flush();
            awaitAcknowledgement(scp, answers, noSftp);
            out.close();
            scp.join();
            // Into a folder of that name it would be moved, and stay there.
            run("if [ -d %3$s ]; then echo %3$s is a directory >&2; exit 1; fi; chmod %1$s %2$s && mv -f %2$s %3$s"
                    .formatted(Integer.toOctalString(MODE), ShellWord.quote(temporary), ShellWord.quote(target)));
            done = true;
        } finally {
            if (!done && connected.getAsBoolean()) {
                try {
                    run("rm -f " + ShellWord.quote(temporary));
                } catch (IOException | StepFailure e) {
                    log.debug("cannot tidy up at {}", client.getRemoteSocketAddress(), Escaped.failure(e));
                }
            }
        }
    }

    private static void awaitAcknowledgement(CommandChannel scp, InputStream answers, SSHException noSftp)
            throws IOException, StepFailure {
        int code = answers.read();
        if (code == 0) {
            return;
        }
        String problem;
        if (code < 0) {
            scp.join();
            String stderr = scp.stderr();
            problem = "it ended early" + (stderr == null ? "" : ": " + stderr);
        } else {
            // 1 and 2 stand before SCP's own words. Anything else is the first letter of somebody else's.
            problem = line(answers, code > 2 ? String.valueOf((char) code) : "");
        }
        throw new StepFailure(
                Kind.UPLOAD_FAILED,
                "the host has no SFTP (%s), and SCP failed: %s".formatted(noSftp.getMessage(), problem));
    }

    private static String line(InputStream answers, String begun) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        line.writeBytes(begun.getBytes(StandardCharsets.ISO_8859_1));
        for (int next; (next = answers.read()) >= 0 && next != '\n' && line.size() < MAX_MESSAGE; ) {
            line.write(next);
        }
        return Escaped.bytes(line.toByteArray(), MAX_MESSAGE);
    }

    private void run(String command) throws IOException, StepFailure {
        try (CommandChannel channel = CommandChannel.start(client, command, MAX_OUTPUT)) {
            channel.getOutputStream().close();
            String problem = channel.end();
            if (problem != null) {
                throw new StepFailure(
                        Kind.UPLOAD_FAILED, "\"%s\" %s: %s".formatted(command, problem, channel.stderr()));
            }
        }
    }

    /** The SFTP of the library, which leaves a thread of its own behind when it is closed. */
    private static final class Sftp extends SFTPEngine {

        private static final Duration PATIENCE = Duration.ofSeconds(5);

        /** How the library says that a packet is too large. */
        private static final Pattern PACKET_LENGTH = Pattern.compile("packet length (-?\\d{1,10}) too large");

        private Sftp(OneSession session) throws SSHException {
            super(session);
        }

        static Sftp open(SSHClient client) throws IOException {
            Session session = client.startSession();
            Sftp sftp = null;
            try {
                sftp = new Sftp(new OneSession(client, session));
                sftp.setTimeoutMs(client.getConnection().getTimeoutMs());
                sftp.init();
                return sftp;
            } catch (SSHException e) {
                String said = sftp == null ? "" : sftp.text(e);
                session.close();
                throw said.isEmpty()
                        ? e
                        : new SSHException("where SFTP should answer, the host says \"" + said + "\"", e);
            } catch (IOException e) {
                // A host may allow one session at a time, and SCP will want one.
                session.close();
                throw e;
            }
        }

        /**
         * Returns what a host says that runs another program where SFTP should be, a forced command or a shell that lets
         * nobody in. Its first four letters were taken for the length of a packet; the rest has come with them.
         */
        private String text(SSHException failure) throws IOException {
            Matcher length = PACKET_LENGTH.matcher(String.valueOf(failure.getMessage()));
            if (!length.find()) {
                return "";
            }
            byte[] first = ByteBuffer.allocate(Integer.BYTES)
                    .putInt((int) Long.parseLong(length.group(1)))
                    .array();
            for (byte letter : first) {
                if (letter < ' ' && letter != '\n' && letter != '\r' && letter != '\t') {
                    return "";
                }
            }
            InputStream rest = sub.getInputStream();
            ByteArrayOutputStream said = new ByteArrayOutputStream();
            said.writeBytes(first);
            said.writeBytes(rest.readNBytes(Math.min(rest.available(), MAX_MESSAGE)));
            return Escaped.text(said.toString(StandardCharsets.UTF_8).strip(), MAX_MESSAGE);
        }

        /** The server ends when it has nothing more to read; one that is closed first may stay a little longer. */
        @Override
        public void close() {
            try {
                out.close();
                sub.join(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
                super.close();
            } catch (IOException e) {
                log.debug("SFTP does not end by itself", Escaped.failure(e));
            } finally {
                reader.interrupt();
                Threads.awaitEnd(reader, PATIENCE);
            }
        }
    }

    /** Hands out a session that is open already. */
    private record OneSession(SSHClient client, Session session) implements SessionFactory {

        @Override
        public Session startSession() {
            return session;
        }

        @Override
        public InetSocketAddress getRemoteSocketAddress() {
            return client.getRemoteSocketAddress();
        }
    }
}
