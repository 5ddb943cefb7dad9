package dev.shepherd.manager.takeover;

import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.bmdb.rollout.BuildStream;
import dev.shepherd.manager.takeover.ssh.UploadSource;
import java.io.IOException;
import java.io.InputStream;
import org.jspecify.annotations.Nullable;

/**
 * The executable of one takeover, of the length that it had at the start: another one by now would be cut off or padded.
 * Tells which build it is from what was uploaded: the file may have been replaced since.
 *
 * <p>Used by one thread at a time.
 */
final class Executable implements UploadSource {

    private final AgentExecutable executable;
    private final long length;
    private @Nullable BuildStream last;

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
        BuildStream upload = new BuildStream(executable.open());
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
}
