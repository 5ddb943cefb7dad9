package dev.shepherd.testkit.ssh;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.Supplier;

/**
 * The server's side of SFTP, version 3, packet by packet, for a {@link ScriptedCommand} that breaks it. It serves one
 * client: the first steps of an upload are as they should be, and where a test wants more, or something else, it sends
 * that itself. Not safe for use by several threads.
 */
public final class ScriptedSftp {

    private static final int VERSION = 2;
    private static final int STATUS = 101;
    private static final int HANDLE = 102;
    private static final int NAME = 104;

    private final InputStream in;
    private final OutputStream out;

    /** Makes one on the streams of a subsystem. */
    public ScriptedSftp(InputStream in, OutputStream out) {
        this.in = in;
        this.out = out;
    }

    /**
     * Reads a request, whatever it is, and returns its id.
     *
     * @throws EOFException if the client is gone
     */
    public int next() throws IOException {
        int length = ByteBuffer.wrap(read(Integer.BYTES)).getInt();
        return ByteBuffer.wrap(read(length)).getInt(1);
    }

    private byte[] read(int length) throws IOException {
        byte[] bytes = in.readNBytes(length);
        if (bytes.length < length) {
            throw new EOFException("the client is gone");
        }
        return bytes;
    }

    /** Answers nothing more, until the client is gone. */
    public void ignore() throws IOException {
        in.transferTo(OutputStream.nullOutputStream());
    }

    /** Sends a packet of a type, with whatever follows the type. */
    public void send(int type, byte[] content) throws IOException {
        out.write(ByteBuffer.allocate(5 + content.length)
                .putInt(1 + content.length)
                .put((byte) type)
                .put(content)
                .array());
        out.flush();
    }

    /** Answers the greeting of a client. */
    public void greet() throws IOException {
        next();
        send(VERSION, new byte[] {0, 0, 0, 3});
    }

    /** Reads a request and answers with a status: 0 for success, 1 for the end of a listing, 4 for a failure. */
    public void status(int code) throws IOException {
        send(STATUS, ByteBuffer.allocate(8).putInt(next()).putInt(code).array());
    }

    /** Reads a request and answers with a handle, as to one that opens a file or a folder. */
    public void handle() throws IOException {
        send(
                HANDLE,
                ByteBuffer.allocate(9).putInt(next()).putInt(1).put((byte) 7).array());
    }

    /**
     * Reads a request and answers with names of files.
     *
     * @param claimed how many there are said to be
     * @param count how many there are
     * @param names makes the names, in ASCII
     */
    public void names(int claimed, int count, Supplier<String> names) throws IOException {
        int id = next();
        byte[][] made = new byte[count][];
        int size = 8;
        for (int i = 0; i < count; i++) {
            made[i] = names.get().getBytes(StandardCharsets.US_ASCII);
            size += 12 + made[i].length;
        }
        ByteBuffer answer = ByteBuffer.allocate(size).putInt(id).putInt(claimed);
        for (byte[] name : made) {
            answer.putInt(name.length).put(name).putInt(0).putInt(0);
        }
        send(NAME, answer.array());
    }

    /** Announces a packet of a gigabyte, and sends as much of it as the client reads. */
    public void packetWithoutAnEnd() throws IOException {
        byte[] part = new byte[4096];
        Arrays.fill(part, (byte) 'x');
        out.write(new byte[] {0x3f, -1, -1, -1});
        while (true) {
            out.write(part);
            out.flush();
        }
    }
}
