package dev.shepherd.manager.takeover.ssh;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.jspecify.annotations.Nullable;

/**
 * A command that runs on the host. Its stderr is read as it comes, and its end is kept; its stdout is the caller's to
 * read.
 */
public interface RemoteCommand {

    /** Returns its standard input. */
    OutputStream getOutputStream();

    /** Returns its standard output. */
    InputStream getInputStream();

    /**
     * Waits until the host has closed the channel, and tells how the command ended; null if well.
     *
     * @throws IOException if the connection is lost, or the command wrote too much to stderr
     */
    @Nullable
    String end() throws IOException;

    /** Returns the last 4 KiB of stderr with control characters escaped, or null if there was nothing. */
    @Nullable
    String stderr();

    /** Tells whether the command wrote more to stderr than it may. */
    boolean hasOverflow();
}
