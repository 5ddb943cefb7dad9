package dev.shepherd.manager.takeover.ssh;

import dev.shepherd.api.internal.Escaped;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import net.schmizz.sshj.SSHClient;
import net.schmizz.sshj.common.Buffer;
import net.schmizz.sshj.common.SSHException;
import net.schmizz.sshj.sftp.PacketType;
import net.schmizz.sshj.sftp.Response.StatusCode;
import net.schmizz.sshj.sftp.SFTPException;

/**
 * SFTP, version 3, as far as an upload needs it. The thread that calls also reads the answers.
 *
 * <p>Any program may answer in place of SFTP, so every length and count is bounded here, and of an answer only what was
 * asked for is kept. The library's own client makes room for a packet of up to 1 GiB before it has read it, and lists a
 * folder for as long as the host goes on. Not safe for several threads.
 */
final class Sftp implements AutoCloseable {

    /** What OpenSSH sends and takes at most. */
    private static final int MAX_PACKET = 256 * 1024;

    /** What the protocol allows. */
    private static final int MAX_HANDLE = 256;

    private static final int MAX_EXTENSIONS = 64;

    /**
     * How much of a folder is looked at: so many entries, in so many answers, for so long. OpenSSH answers with 100.
     */
    private static final int MAX_ENTRIES = 500;

    private static final int MAX_ROUNDS = 20;
    private static final long MAX_LISTING_NANOS = TimeUnit.SECONDS.toNanos(5);

    /** How much of what a host says is kept. */
    private static final int MAX_SAID = 1024;

    private static final int VERSION = 3;
    private static final int EOF = 1;
    private static final int WRITE_CREATE_EXCLUSIVELY = 0x2 | 0x8 | 0x20;
    private static final int WITH_SIZE = 0x1;
    private static final int WITH_OWNER = 0x2;
    private static final int WITH_MODE = 0x4;
    private static final int WITH_TIMES = 0x8;
    private static final int WITH_EXTENSIONS = 0x80000000;

    private final CommandChannel channel;
    private final OutputStream out;
    private final Set<Integer> unconfirmed = new HashSet<>();
    private final Buffer.PlainBuffer packet = new Buffer.PlainBuffer();
    private boolean posixRename;
    private int lastId;
    private long roundTripNanos = Long.MAX_VALUE;

    private Sftp(CommandChannel channel) {
        this.channel = channel;
        this.out = channel.getOutputStream();
    }

    /**
     * Starts it.
     *
     * @throws SSHException if the host has no SFTP, or something else answers; quoted if it is text
     */
    static Sftp open(SSHClient client, int maxStderr) throws IOException {
        CommandChannel channel = CommandChannel.startSubsystem(client, "sftp", maxStderr);
        Sftp sftp = new Sftp(channel);
        try {
            sftp.greet();
            return sftp;
        } catch (IOException e) {
            // A host may allow one session at a time, and SCP will want one.
            channel.close();
            throw e;
        }
    }

    private void greet() throws IOException {
        transmit(new Buffer.PlainBuffer()
                .putUInt32(5)
                .putByte(PacketType.INIT.toByte())
                .putUInt32(VERSION));
        byte[] length = channel.read(Integer.BYTES);
        if (length.length < Integer.BYTES || length(length) > MAX_PACKET) {
            String text = text(length);
            throw new SSHException(
                    text.isEmpty()
                            ? "SFTP does not answer"
                            : "where SFTP should answer, the host says \"" + text + "\"");
        }
        Buffer.PlainBuffer version = content(length(length));
        try {
            if (version.readByte() != PacketType.VERSION.toByte() || version.readUInt32() < VERSION) {
                throw new SSHException("SFTP does not answer with its version, or with one before 3");
            }
            for (int i = 0; i < MAX_EXTENSIONS && version.available() > 0; i++) {
                posixRename |= version.readString().equals("posix-rename@openssh.com");
                version.readString();
            }
        } catch (Buffer.BufferException e) {
            throw malformed(e);
        }
    }

    /**
     * Returns what a host says that runs another program where SFTP should be: a forced command, or a shell that lets
     * no user in. Its first four bytes were taken for a length. Nothing if it is not text.
     */
    private String text(byte[] first) throws IOException {
        for (byte letter : first) {
            int code = letter & 0xff;
            if (code < ' ' && code != '\n' && code != '\r' && code != '\t') {
                return "";
            }
        }
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        said.writeBytes(first);
        said.writeBytes(channel.lastWords(MAX_SAID));
        return Escaped.text(said.toString(StandardCharsets.UTF_8).strip(), MAX_SAID);
    }

    /** Tells whether a file can be renamed to the name of another one that is there. */
    boolean canReplace() {
        return posixRename;
    }

    /** Returns how many bytes may be written at once, so that a write fits into one packet. */
    int maxWrite(byte[] handle) {
        // Length, type, id, and the length of the handle, the offset and the length of the data.
        return channel.getRemoteMaxPacketSize() - 25 - handle.length;
    }

    /** Returns how far away the host is: its quickest answer, since others also wait for a processor. */
    long roundTripNanos() {
        return roundTripNanos;
    }

    /** Makes a file and opens it, unless there is one. */
    byte[] create(String path, int mode) throws IOException {
        return handle(ask(
                PacketType.OPEN,
                path(path)
                        .putUInt32(WRITE_CREATE_EXCLUSIVELY)
                        .putUInt32(WITH_MODE)
                        .putUInt32(mode)));
    }

    void setMode(byte[] handle, int mode) throws IOException {
        checkDone(ask(
                PacketType.FSETSTAT,
                new Buffer.PlainBuffer().putBytes(handle).putUInt32(WITH_MODE).putUInt32(mode)));
    }

    /** Returns when a file was last written to, in seconds of the host's clock; 0 if it does not say. */
    long modified(byte[] handle) throws IOException {
        Answer answer = ask(PacketType.FSTAT, new Buffer.PlainBuffer().putBytes(handle));
        if (answer.type() != PacketType.ATTRS) {
            throw answer.failure();
        }
        try {
            return readModified(answer.content());
        } catch (Buffer.BufferException e) {
            throw malformed(e);
        }
    }

    /** Writes without waiting for the host to confirm it, if no more than so many writes are still to be confirmed. */
    void write(byte[] handle, long offset, byte[] data, int length, int maxUnconfirmed) throws IOException {
        while (unconfirmed.size() >= maxUnconfirmed) {
            awaitConfirmation();
        }
        int id = ++lastId;
        packet.clear();
        packet.putUInt32(21L + handle.length + length)
                .putByte(PacketType.WRITE.toByte())
                .putUInt32FromInt(id)
                .putBytes(handle)
                .putUInt64(offset)
                .putBytes(data, 0, length);
        transmit(packet);
        unconfirmed.add(id);
    }

    /** Waits until the host has confirmed all writes. */
    void awaitConfirmations() throws IOException {
        while (!unconfirmed.isEmpty()) {
            awaitConfirmation();
        }
    }

    private void awaitConfirmation() throws IOException {
        Answer answer = read();
        if (!unconfirmed.remove(answer.id())) {
            throw unasked(answer);
        }
        checkDone(answer);
    }

    void close(byte[] handle) throws IOException {
        checkDone(ask(PacketType.CLOSE, new Buffer.PlainBuffer().putBytes(handle)));
    }

    void remove(String path) throws IOException {
        checkDone(ask(PacketType.REMOVE, path(path)));
    }

    /** Renames a file. Where the host {@link #canReplace() can}, it takes the place of one that has the name. */
    void rename(String from, String to) throws IOException {
        Buffer.PlainBuffer names = path(from).putBytes(to.getBytes(StandardCharsets.UTF_8));
        checkDone(
                posixRename
                        ? ask(
                                PacketType.EXTENDED,
                                new Buffer.PlainBuffer()
                                        .putString("posix-rename@openssh.com")
                                        .putBuffer(names))
                        : ask(PacketType.RENAME, names));
    }

    /** A file in a folder, and when it was last written to, in seconds of the host's clock. */
    record Entry(String name, long modified) {}

    /** What is wanted of a folder, and whether all of the folder was looked at. */
    record Listing(List<Entry> found, boolean complete) {}

    /** Looks through a folder: at its first 500 entries or for 5 seconds, whichever comes first. */
    Listing list(String folder, Predicate<String> wanted) throws IOException {
        byte[] handle = handle(ask(PacketType.OPENDIR, path(folder)));
        List<Entry> found = new ArrayList<>();
        long since = System.nanoTime();
        int entries = 0;
        boolean complete = false;
        for (int round = 0;
                !complete
                        && round < MAX_ROUNDS
                        && entries < MAX_ENTRIES
                        && System.nanoTime() - since < MAX_LISTING_NANOS;
                round++) {
            Answer answer = ask(PacketType.READDIR, new Buffer.PlainBuffer().putBytes(handle));
            if (answer.type() != PacketType.NAME) {
                answer.checkStatus(StatusCode.EOF);
                complete = true;
                continue;
            }
            try {
                long count = answer.content().readUInt32();
                for (long i = 0; i < count && entries < MAX_ENTRIES; i++, entries++) {
                    String name = answer.content().readString();
                    answer.content().readString();
                    long modified = readModified(answer.content());
                    if (wanted.test(name)) {
                        found.add(new Entry(name, modified));
                    }
                }
            } catch (Buffer.BufferException e) {
                throw malformed(e);
            }
        }
        close(handle);
        return new Listing(found, complete);
    }

    /** Reads a file's attributes. However many extensions they claim to have, they end with the packet. */
    private static long readModified(Buffer.PlainBuffer attributes) throws Buffer.BufferException {
        int present = attributes.readUInt32AsInt();
        if ((present & WITH_SIZE) != 0) {
            attributes.readUInt32();
            attributes.readUInt32();
        }
        if ((present & WITH_OWNER) != 0) {
            attributes.readUInt32();
            attributes.readUInt32();
        }
        if ((present & WITH_MODE) != 0) {
            attributes.readUInt32();
        }
        long modified = 0;
        if ((present & WITH_TIMES) != 0) {
            attributes.readUInt32();
            modified = attributes.readUInt32();
        }
        if ((present & WITH_EXTENSIONS) != 0) {
            for (long count = attributes.readUInt32(); count > 0; count--) {
                attributes.readString();
                attributes.readString();
            }
        }
        return modified;
    }

    private static Buffer.PlainBuffer path(String path) {
        return new Buffer.PlainBuffer().putBytes(path.getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] handle(Answer answer) throws IOException {
        if (answer.type() != PacketType.HANDLE) {
            throw answer.failure();
        }
        try {
            byte[] handle = answer.content().readBytes();
            if (handle.length > MAX_HANDLE) {
                throw new SSHException("a handle of SFTP has " + handle.length + " bytes, over " + MAX_HANDLE);
            }
            return handle;
        } catch (Buffer.BufferException e) {
            throw malformed(e);
        }
    }

    private static void checkDone(Answer answer) throws IOException {
        answer.checkStatus(StatusCode.OK);
    }

    private Answer ask(PacketType type, Buffer.PlainBuffer content) throws IOException {
        int id = ++lastId;
        packet.clear();
        packet.putUInt32(5L + content.available())
                .putByte(type.toByte())
                .putUInt32FromInt(id)
                .putBuffer(content);
        long askedAt = System.nanoTime();
        transmit(packet);
        while (true) {
            Answer answer = read();
            if (answer.id() == id) {
                roundTripNanos = Math.min(roundTripNanos, System.nanoTime() - askedAt);
                return answer;
            }
            // After a write that failed, others may still be confirmed.
            if (!unconfirmed.remove(answer.id())) {
                throw unasked(answer);
            }
        }
    }

    private void transmit(Buffer.PlainBuffer packet) throws IOException {
        out.write(packet.array(), packet.rpos(), packet.available());
        out.flush();
    }

    private Answer read() throws IOException {
        byte[] length = channel.read(Integer.BYTES);
        if (length.length < Integer.BYTES) {
            throw new SSHException("SFTP ended early");
        }
        Buffer.PlainBuffer content = content(length(length));
        try {
            return new Answer(PacketType.fromByte(content.readByte()), content.readUInt32AsInt(), content);
        } catch (Buffer.BufferException e) {
            throw malformed(e);
        }
    }

    private static long length(byte[] length) {
        return Integer.toUnsignedLong(ByteBuffer.wrap(length).getInt());
    }

    private Buffer.PlainBuffer content(long length) throws IOException {
        if (length > MAX_PACKET) {
            throw new SSHException("an answer of SFTP has " + length + " bytes, over " + MAX_PACKET);
        }
        byte[] content = channel.read((int) length);
        if (content.length < length) {
            throw new SSHException("SFTP ended early");
        }
        return new Buffer.PlainBuffer(content);
    }

    private static SSHException malformed(Buffer.BufferException e) {
        return new SSHException("a malformed answer of SFTP", e);
    }

    private static SSHException unasked(Answer answer) {
        return new SSHException(
                "SFTP answers request " + Integer.toUnsignedString(answer.id()) + ", which was not made");
    }

    /** The server ends when it has nothing more to read; one that is closed first may stay a little longer. */
    @Override
    public void close() throws IOException {
        out.close();
        channel.awaitEnd();
        channel.close();
    }

    private record Answer(PacketType type, int id, Buffer.PlainBuffer content) {

        void checkStatus(StatusCode wanted) throws SSHException {
            SSHException failure = failure();
            if (!(failure instanceof SFTPException status) || status.getStatusCode() != wanted) {
                throw failure;
            }
        }

        /** Returns the status that this is, also if it is no failure. */
        SSHException failure() {
            if (type != PacketType.STATUS) {
                return new SSHException("an unexpected answer of SFTP: " + type);
            }
            try {
                StatusCode code = StatusCode.fromInt(content.readUInt32AsInt());
                String text = content.available() == 0 ? "" : content.readString();
                return new SFTPException(code, Escaped.text(text, MAX_SAID));
            } catch (Buffer.BufferException e) {
                return malformed(e);
            }
        }
    }
}
