package dev.shepherd.manager.takeover;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import org.apache.sshd.server.Environment;
import org.apache.sshd.server.ExitCallback;
import org.apache.sshd.server.channel.ChannelSession;
import org.apache.sshd.server.command.Command;
import org.apache.sshd.server.subsystem.SubsystemFactory;

/** An SFTP server that opens the first file it is asked to, and then never reads again. */
final class StuckSubsystem implements SubsystemFactory, Command {

    private InputStream in = InputStream.nullInputStream();
    private OutputStream out = OutputStream.nullOutputStream();
    private final Thread thread = new Thread(this::serve, "stuck-sftp");

    @Override
    public String getName() {
        return "sftp";
    }

    @Override
    public Command createSubsystem(ChannelSession channel) {
        return this;
    }

    @Override
    public void setInputStream(InputStream in) {
        this.in = in;
    }

    @Override
    public void setOutputStream(OutputStream out) {
        this.out = out;
    }

    @Override
    public void setErrorStream(OutputStream err) {}

    @Override
    public void setExitCallback(ExitCallback callback) {}

    @Override
    public void start(ChannelSession channel, Environment env) {
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void destroy(ChannelSession channel) {
        thread.interrupt();
    }

    private void serve() {
        try {
            next();
            send(2, new byte[] {0, 0, 0, 3});
            int id = next();
            send(102, ByteBuffer.allocate(9).putInt(id).putInt(1).put((byte) 7).array());
            // It cannot list folders, and knows one handle.
            id = next();
            send(101, ByteBuffer.allocate(16).putInt(id).putInt(8).array());
        } catch (IOException e) {
            // The client has gone.
        }
    }

    /** Reads a message, and returns what is the id of a request in all but the first. */
    private int next() throws IOException {
        int length = ByteBuffer.wrap(in.readNBytes(4)).getInt();
        return ByteBuffer.wrap(in.readNBytes(length)).getInt(1);
    }

    private void send(int type, byte[] content) throws IOException {
        out.write(ByteBuffer.allocate(5 + content.length)
                .putInt(1 + content.length)
                .put((byte) type)
                .put(content)
                .array());
        out.flush();
    }
}
