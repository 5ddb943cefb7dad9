package dev.shepherd.manager.takeover.ssh;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.manager.takeover.ssh.SshFailure.Kind;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import net.schmizz.sshj.SSHClient;
import net.schmizz.sshj.common.SSHException;
import net.schmizz.sshj.sftp.SFTPException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts the agent executable in its place: first under a temporary name, then renamed over the existing file. So a
 * running agent keeps its old file (writing to it would fail with "text file busy"), and half of one never runs.
 */
final class Upload {

    private static final Logger log = LoggerFactory.getLogger(Upload.class);

    private static final int MODE = 0755;

    private static final int MAX_CHUNK = 32 * 1024;

    /**
     * How many chunks may be on their way at least. OpenSSH keeps in memory what it has not written yet, and copies all
     * of it each time that it grows: a takeover with 10 MB cost the host 0.06 s of its processor with 16, 0.26 s with
     * 64.
     */
    private static final int MIN_UNCONFIRMED = 16;

    /** Together with the chunk size this is what OpenSSH lets be on its way at most: 2 MiB. */
    private static final int MAX_UNCONFIRMED = 64;

    /** In bytes a second, what a machine that is far away shall not keep an upload from. */
    private static final double WANTED_RATE = 25_000_000;

    /** A takeover lasts at most a day (its total timeout), and by default a minute. */
    private static final long LEFTOVER_SECONDS = TimeUnit.HOURS.toSeconds(1);

    /** How many leftovers are removed at a time. */
    private static final int MAX_LEFTOVERS = 50;

    /** How much a command may say; beyond that something is wrong. */
    private static final int MAX_OUTPUT = 64 * 1024;

    /** How much of what a command says is shown. */
    private static final int MAX_MESSAGE = 1024;

    private final SSHClient client;
    private final UploadSource source;
    private final BooleanSupplier connected;
    private final Consumer<Exception> failing;
    private final String target;
    private final String folder;
    private final String prefix;
    private final String temporary;

    Upload(
            SSHClient client,
            UploadSource source,
            String target,
            BooleanSupplier connected,
            Consumer<Exception> failing) {
        this.failing = failing;
        this.client = client;
        this.source = source;
        this.connected = connected;
        this.target = target;
        int slash = target.lastIndexOf('/');
        this.folder = slash == 0 ? "/" : target.substring(0, slash);
        this.prefix = "." + target.substring(slash + 1) + ".";
        this.temporary = target.substring(0, slash + 1) + prefix + UUID.randomUUID() + ".upload";
    }

    void run() throws IOException, SshFailure {
        Sftp sftp;
        try {
            sftp = Sftp.open(client, MAX_OUTPUT);
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

    private void sftp(Sftp sftp) throws IOException, SshFailure {
        boolean renamed = false;
        try {
            write(sftp);
            rename(sftp);
            renamed = true;
        } catch (SFTPException e) {
            failing.accept(e);
            // Asked before the tidying up, which makes room.
            String why = connected.getAsBoolean() ? whyNot() : "";
            if (why.isEmpty()) {
                throw e;
            }
            throw new SshFailure(
                    Kind.UPLOAD_REFUSED,
                    "the agent executable cannot be put at \"%s\": SFTP status %s, \"%s\"; on the host, %s"
                            .formatted(
                                    Escaped.text(target, MAX_MESSAGE),
                                    e.getStatusCode(),
                                    Escaped.text(String.valueOf(e.getMessage()), MAX_MESSAGE),
                                    why),
                    e);
        } catch (IOException | SshFailure e) {
            failing.accept(e);
            throw e;
        } finally {
            if (!renamed && connected.getAsBoolean()) {
                remove(sftp, temporary);
            }
        }
    }

    /**
     * Asks the host for what SFTP has no word for, with what every shell has. Returns nothing where nothing is found or
     * the host does not say within 5 seconds.
     */
    private String whyNot() {
        String command = "t=" + ShellWord.quote(target) + "; f=" + ShellWord.quote(folder)
                + "; if [ -d \"$t\" ]; then echo \"$t is a directory\";"
                + " elif [ ! -e \"$f\" ]; then echo \"the folder $f does not exist\";"
                + " elif [ ! -d \"$f\" ]; then echo \"$f is not a folder\";"
                + " elif [ ! -w \"$f\" ]; then echo \"$f cannot be written to: $(df -P \"$f\" | tail -n 1)\";"
                + " else df -Pk \"$f\" | tail -n 1 | while read d size used free more; do"
                + " [ \"$free\" -ge " + (source.length() / 1024 + 1)
                + " ] || echo \"the file system of $f has $free KiB left, of $size\"; done; fi";
        try (CommandChannel channel = CommandChannel.start(client, command, MAX_OUTPUT)) {
            channel.getOutputStream().close();
            return Escaped.text(
                    new String(channel.lastWords(MAX_MESSAGE), StandardCharsets.UTF_8).strip(), MAX_MESSAGE);
        } catch (IOException e) {
            log.debug("cannot ask {} why", client.getRemoteSocketAddress(), Escaped.failure(e));
            return "";
        }
    }

    private void write(Sftp sftp) throws IOException, SshFailure {
        byte[] file = sftp.create(temporary, MODE);
        removeLeftovers(sftp, file);
        int chunk = Math.max(1, Math.min(sftp.maxWrite(file), MAX_CHUNK));
        int unconfirmed = unconfirmed(sftp.roundTripNanos(), chunk);
        copy((bytes, count, at) -> sftp.write(file, at, bytes, count, unconfirmed), chunk);
        sftp.awaitConfirmations();
        // The mode given when opening goes through the umask.
        sftp.setMode(file, MODE);
        sftp.close(file);
    }

    /** Returns how many chunks to have on their way: enough for the rate that is wanted, and not many more. */
    static int unconfirmed(long roundTripNanos, int chunk) {
        double onTheWay = roundTripNanos / 1e9 * WANTED_RATE;
        return (int) Math.min(MAX_UNCONFIRMED, Math.max(MIN_UNCONFIRMED, Math.ceil(onTheWay / chunk)));
    }

    private interface Sink {
        void write(byte[] bytes, int count, long at) throws IOException;
    }

    private void copy(Sink sink, int chunkSize) throws IOException, SshFailure {
        byte[] chunk = new byte[chunkSize];
        long sent = 0;
        try (InputStream in = opened()) {
            for (int count; (count = read(in, chunk)) > 0; ) {
                sink.write(chunk, count, sent);
                sent += count;
            }
        }
        if (sent != source.length()) {
            throw changed(sent);
        }
    }

    private InputStream opened() throws SshFailure {
        try {
            return source.open();
        } catch (IOException | RuntimeException e) {
            throw unreadable(e);
        }
    }

    /** Fills the chunk as far as there is something left: each write is a packet. */
    private int read(InputStream in, byte[] chunk) throws SshFailure {
        try {
            return in.readNBytes(chunk, 0, chunk.length);
        } catch (IOException | RuntimeException e) {
            throw unreadable(e);
        }
    }

    private SshFailure unreadable(Exception cause) {
        return new SshFailure(
                Kind.SOURCE_UNREADABLE, "the agent executable " + source + " cannot be read: " + cause, cause);
    }

    private SshFailure changed(long sent) {
        return new SshFailure(
                Kind.SOURCE_UNREADABLE,
                String.format(
                        Locale.ROOT,
                        "the agent executable %s changed under the upload: it had %d bytes, and then %d",
                        source,
                        source.length(),
                        sent));
    }

    private void rename(Sftp sftp) throws IOException {
        if (!sftp.canReplace()) {
            // The rename of SFTP 3 replaces nothing. A process that looks between the two sees no agent at all.
            remove(sftp, target);
        }
        sftp.rename(temporary, target);
    }

    /**
     * Removes what takeovers that lost their connection could not remove: a few of those would fill the machine's disk.
     * By the machine's own clock they were last written to so long ago that their takeover must have given up. What is
     * not reached within the limits stays: it only costs the machine's own disk.
     */
    private void removeLeftovers(Sftp sftp, byte[] file) throws IOException {
        Pattern name = Pattern.compile(Pattern.quote(prefix) + "[0-9a-f-]{36}\\.upload");
        try {
            Sftp.Listing listing =
                    sftp.list(folder, entry -> name.matcher(entry).matches() && !temporary.endsWith(entry));
            if (!listing.complete()) {
                log.debug(
                        "looked at a part of {} at {} only: it is too large", folder, client.getRemoteSocketAddress());
            }
            if (listing.found().isEmpty()) {
                return;
            }
            long now = sftp.modified(file);
            List<Sftp.Entry> leftovers = listing.found().stream()
                    .filter(entry -> entry.modified() < now - LEFTOVER_SECONDS)
                    .limit(MAX_LEFTOVERS)
                    .toList();
            for (Sftp.Entry leftover : leftovers) {
                remove(sftp, temporary.substring(0, temporary.lastIndexOf('/') + 1) + leftover.name());
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

    /**
     * Speaks the source's half of SCP's protocol, where a byte of 0 says that all is well, and 1 or 2 that it is not.
     */
    private void scp(SSHException noSftp) throws IOException, SshFailure {
        boolean done = false;
        String command = "scp -t " + ShellWord.quote(temporary);
        try (CommandChannel scp = CommandChannel.start(client, command, MAX_OUTPUT)) {
            InputStream answers = scp.getInputStream();
            OutputStream out = scp.getOutputStream();
            awaitAcknowledgement(scp, answers, noSftp);
            out.write(String.format(Locale.ROOT, "C%04o %d agent\n", MODE, source.length())
                    .getBytes(StandardCharsets.US_ASCII));
            out.flush();
            awaitAcknowledgement(scp, answers, noSftp);
            copy((bytes, count, at) -> out.write(bytes, 0, count), Math.min(scp.getRemoteMaxPacketSize(), MAX_CHUNK));
            out.write(0);
            out.flush();
            awaitAcknowledgement(scp, answers, noSftp);
            out.close();
            scp.join();
            // Into a folder of that name it would be moved, and stay there.
            run("if [ -d %3$s ]; then echo %3$s is a directory >&2; exit 1; fi; chmod %1$s %2$s && mv -f %2$s %3$s"
                    .formatted(Integer.toOctalString(MODE), ShellWord.quote(temporary), ShellWord.quote(target)));
            done = true;
        } catch (IOException | SshFailure e) {
            failing.accept(e);
            throw e;
        } finally {
            if (!done && connected.getAsBoolean()) {
                try {
                    run("rm -f " + ShellWord.quote(temporary));
                } catch (IOException | SshFailure e) {
                    log.debug("cannot tidy up at {}", client.getRemoteSocketAddress(), Escaped.failure(e));
                }
            }
        }
    }

    private static void awaitAcknowledgement(CommandChannel scp, InputStream answers, SSHException noSftp)
            throws IOException, SshFailure {
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
            // 1 and 2 stand before SCP's own words. Anything else is the first byte of another program's.
            scp.getOutputStream().close();
            ByteArrayOutputStream said = new ByteArrayOutputStream();
            if (code > 2) {
                said.write(code);
            }
            said.writeBytes(scp.lastWords(MAX_MESSAGE));
            problem = Escaped.text(said.toString(StandardCharsets.UTF_8).strip(), MAX_MESSAGE);
        }
        throw new SshFailure(
                Kind.UPLOAD_REFUSED,
                "the host has no SFTP (%s), and SCP failed: %s"
                        .formatted(Escaped.text(String.valueOf(noSftp.getMessage()), MAX_MESSAGE), problem));
    }

    private void run(String command) throws IOException, SshFailure {
        try (CommandChannel channel = CommandChannel.start(client, command, MAX_OUTPUT)) {
            channel.getOutputStream().close();
            String problem = channel.end();
            if (problem != null) {
                throw new SshFailure(
                        Kind.UPLOAD_REFUSED, "\"%s\" %s: %s".formatted(command, problem, channel.stderr()));
            }
        }
    }
}
