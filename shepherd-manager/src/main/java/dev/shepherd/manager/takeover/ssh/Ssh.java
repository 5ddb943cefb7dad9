package dev.shepherd.manager.takeover.ssh;

import java.time.Duration;
import net.schmizz.sshj.Config;

/** Makes connections by SSH. Immutable and thread-safe. */
public final class Ssh {

    private final Config config = SshConfig.create();

    /**
     * Makes a connection, which is not connected yet.
     *
     * @param peer the host
     * @param longest how long the connection lasts at most, which its user sees to: nothing in it waits for less
     * @param disconnected called once when the connection has ended, before anything that waits for the host is told;
     *     from a thread of the connection's own, so it must not block
     */
    public SshConnection connection(SshPeer peer, Duration longest, Runnable disconnected) {
        return new SshConnection(config, peer, longest, disconnected);
    }
}
