package dev.shepherd.testkit.ssh;

import java.io.InputStream;
import java.io.OutputStream;
import org.apache.sshd.server.Environment;
import org.apache.sshd.server.ExitCallback;
import org.apache.sshd.server.channel.ChannelSession;
import org.apache.sshd.server.command.Command;
import org.apache.sshd.server.subsystem.SubsystemFactory;

/**
 * A command, or the subsystem for SFTP, of an Apache MINA server whose behaviour a test writes down: for machines that
 * are hostile in ways that no {@link Mood} has. It runs on a daemon thread, and ends without a word where its client cuts
 * it off.
 */
public final class ScriptedCommand implements Command {

    /** What it does with what it reads and writes. */
    @FunctionalInterface
    public interface Script {
        /** Runs until the command ends; it exits with 0. Exceptions end it without an exit code. */
        void run(InputStream in, OutputStream out, OutputStream err) throws Exception;
    }

    private final Script script;
    private InputStream in = InputStream.nullInputStream();
    private OutputStream out = OutputStream.nullOutputStream();
    private OutputStream err = OutputStream.nullOutputStream();
    private ExitCallback exit = (status, message, closed) -> {};

    private ScriptedCommand(Script script) {
        this.script = script;
    }

    /** Returns a command, for one execution. */
    public static ScriptedCommand of(Script script) {
        return new ScriptedCommand(script);
    }

    /** Returns what serves every request for SFTP by a script; {@link ScriptedSftp} helps to write one. */
    public static SubsystemFactory sftp(Script script) {
        return new SubsystemFactory() {
            @Override
            public String getName() {
                return "sftp";
            }

            @Override
            public Command createSubsystem(ChannelSession channel) {
                return of(script);
            }
        };
    }

    @Override
    public void setInputStream(InputStream stream) {
        in = stream;
    }

    @Override
    public void setOutputStream(OutputStream stream) {
        out = stream;
    }

    @Override
    public void setErrorStream(OutputStream stream) {
        err = stream;
    }

    @Override
    public void setExitCallback(ExitCallback callback) {
        exit = callback;
    }

    @Override
    public void start(ChannelSession channel, Environment client) {
        Thread thread = new Thread(this::run, "scripted-command");
        thread.setDaemon(true);
        thread.start();
    }

    private void run() {
        try {
            script.run(in, out, err);
            out.flush();
            exit.onExit(0);
        } catch (Exception e) {
            // The client has had enough.
        }
    }

    @Override
    public void destroy(ChannelSession channel) {}
}
