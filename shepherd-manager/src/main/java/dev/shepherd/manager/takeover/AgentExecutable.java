package dev.shepherd.manager.takeover;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;

/**
 * Where the agent executable comes from.
 *
 * <p>Which build a machine runs is recorded by what was uploaded: its SHA-256, and the version that a line in its first
 * 4,096 bytes may name: {@code # Shepherd-Agent-Version:}, a space, and 1 to 100 printable ASCII characters.
 *
 * <p>Implementations are thread-safe: several takeovers read at once, each from its own stream.
 */
public interface AgentExecutable {

    /**
     * Returns the size in bytes; asked before each upload.
     *
     * @throws IOException if the executable cannot be found; no machine is bothered then
     */
    long length() throws IOException;

    /**
     * Opens the executable for one upload. The stream yields exactly {@link #length()} bytes, is read in chunks
     * and closed when done. Its reads should end when their thread is interrupted.
     *
     * @throws IOException if the executable cannot be read
     */
    InputStream open() throws IOException;

    /**
     * Reads a file, afresh for each takeover: one that is replaced (by a rename) is used from then on.
     *
     * @param path the file; need not exist yet
     */
    static AgentExecutable file(Path path) {
        return new FileExecutable(path);
    }
}
