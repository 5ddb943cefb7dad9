package dev.shepherd.testkit.ssh;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.PublicKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.apache.sshd.common.config.keys.PublicKeyEntry;
import org.apache.sshd.common.future.CloseFuture;
import org.apache.sshd.common.io.IoSession;
import org.jspecify.annotations.Nullable;

/**
 * A real SSH server in this process that stands for one machine.
 *
 * <p>It listens on a loopback address, lets in whom it was told to, takes uploads by SFTP and SCP into a folder, and runs
 * commands as child processes of this one; {@link dev.shepherd.testkit.ssh} says how. In a bad {@link Mood} it misbehaves
 * as machines do.
 *
 * <pre>{@code
 * try (SshHost host = SshHost.builder().authorizedKey(publicKey).start()) {
 *     // takes the machine at host.address() and host.port() over
 * }
 * }</pre>
 *
 * <p>Safe for use by several threads.
 */
public final class SshHost implements AutoCloseable {

    /** How many of the latest executions and uploads are remembered, each. */
    public static final int MAX_REMEMBERED = 1000;

    private static final Duration CLOSE_PATIENCE = Duration.ofSeconds(10);

    /** How a file was uploaded. */
    public enum Protocol {
        /** The file transfer protocol of SSH. */
        SFTP,
        /** The older protocol of {@code scp}, over the standard streams of a command. */
        SCP
    }

    /**
     * A file whose upload came to its end.
     *
     * @param path the path on the machine, such as {@code /root/agent}; that of the new name if it was renamed by
     *     SFTP since
     * @param size in bytes, as of the end of the upload
     * @param protocol how it was uploaded
     */
    public record Upload(String path, long size, Protocol protocol) {}

    /**
     * A command that was run, or asked for at least.
     *
     * @param command the command line, as the client sent it
     * @param exitCode the exit code, where the command has ended: 127 if there was no such program, 128 and
     *     the number of the signal if one ended it
     */
    public record Execution(String command, OptionalInt exitCode) {}

    private final SshHosts hosts;
    private final boolean ownsHosts;
    private final HostPort port;
    private final HostFolder folder;
    private final HostAccounts accounts;
    private final CommandLine commandLine;
    private final AtomicInteger connections = new AtomicInteger();
    private final AtomicInteger authenticationsFailed = new AtomicInteger();
    private final Set<IoSession> openConnections = ConcurrentHashMap.newKeySet();
    private final HostProcesses processes = new HostProcesses();
    private final HostRecord record = new HostRecord();
    private volatile KeyPair hostKey = SshHosts.newHostKey();

    private final Object lock = new Object();
    private final Duration agentInterval;
    private volatile Mood mood;
    private volatile boolean closed;

    private SshHost(Builder builder, SshHosts hosts, boolean ownsHosts) throws IOException {
        this.hosts = hosts;
        this.ownsHosts = ownsHosts;
        mood = builder.mood;
        agentInterval = builder.agentInterval;
        accounts = builder.accounts.copy();
        folder = new HostFolder(builder.directory);
        commandLine = new CommandLine(folder.root());
        try {
            port = HostPort.open(
                    hosts, this, new InetSocketAddress(builder.address, builder.port), mood != Mood.REFUSE);
        } catch (IOException | RuntimeException e) {
            folder.delete();
            throw e;
        }
    }

    /** Starts a builder with the default settings. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns the address it listens on. */
    public InetAddress address() {
        return port.address().getAddress();
    }

    /** Returns the TCP port it listens on; the same one for as long as it is open, also while it refuses connections. */
    public int port() {
        return port.address().getPort();
    }

    /** Returns the public host key, as in a line of a {@code known_hosts} file: {@code ssh-ed25519 AAAA…}. */
    public String hostKey() {
        return PublicKeyEntry.toString(hostKey.getPublic());
    }

    /** Returns the real folder that stands for the machine's {@code /}. */
    public Path root() {
        return folder.root();
    }

    /** Returns the mood it is in. */
    public Mood mood() {
        return mood;
    }

    /**
     * Changes the mood. {@link Mood} says what that means for open connections. Once this has returned, new
     * connections meet the new mood.
     *
     * @throws IllegalStateException if the host is closed
     * @throws UncheckedIOException if the port cannot be opened again after {@link Mood#REFUSE}
     */
    public void setMood(Mood mood) {
        Objects.requireNonNull(mood, "mood");
        synchronized (lock) {
            checkOpen();
            this.mood = mood;
            try {
                port.listen(mood != Mood.REFUSE);
            } catch (IOException e) {
                throw new UncheckedIOException("cannot listen on " + port.address() + " again", e);
            }
        }
    }

    /** Makes a new host key, as after a reinstallation; connections made from now on are shown it. */
    public void changeHostKey() {
        hostKey = SshHosts.newHostKey();
    }

    /**
     * Kills every process of the machine, as if all had crashed; the machine itself stays up, and so do its
     * connections. Waits until the processes are gone.
     *
     * @throws IllegalStateException if the host is closed
     */
    public void killProcesses() {
        synchronized (lock) {
            checkOpen();
        }
        HostProcesses.kill(Set.of(processes.mark()));
    }

    /**
     * Reboots the machine: its processes are killed and its connections closed; its files stay. It is back at
     * once. Waits until the processes are gone.
     *
     * @throws IllegalStateException if the host is closed
     */
    public void reboot() {
        synchronized (lock) {
            checkOpen();
        }
        String before = processes.boot();
        endCommandsAndConnections();
        HostProcesses.kill(Set.of(before));
    }

    /**
     * Reinstalls the machine: as {@link #reboot()}, but its files are gone too and it has another host key.
     *
     * @throws IllegalStateException if the host is closed
     * @throws UncheckedIOException if the files cannot be deleted
     */
    public void reinstall() {
        reboot();
        try {
            folder.clear();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot clear " + folder.root(), e);
        }
        changeHostKey();
    }

    /** Returns how many connections were accepted so far, in whatever mood. */
    public int connections() {
        return connections.get();
    }

    /** Returns how many connections are open. */
    public int openConnections() {
        return openConnections.size();
    }

    /** Returns how many keys and passwords were refused so far. One client may offer several. */
    public int authenticationsFailed() {
        return authenticationsFailed.get();
    }

    /** Returns the latest commands, oldest first, other than those of SCP. A copy. */
    public List<Execution> executions() {
        return record.executions();
    }

    /** Returns the latest files whose upload came to its end, oldest first. A copy. */
    public List<Upload> uploads() {
        return record.uploads();
    }

    /**
     * Closes the port and the connections, kills the processes, and deletes the folder unless
     * {@linkplain Builder#directory it was given}. Waits for all of that. Closing twice is allowed.
     */
    @Override
    public void close() {
        if (!beginClosing()) {
            return;
        }
        try {
            killLeftovers(List.of(this));
            finishClosing();
        } finally {
            if (ownsHosts) {
                hosts.close();
            }
        }
    }

    /** Does the first part of closing, which ends with no client connected; false if it was done before. */
    boolean beginClosing() {
        synchronized (lock) {
            if (closed) {
                return false;
            }
            closed = true;
            port.close();
        }
        endCommandsAndConnections();
        hosts.remove(port.address());
        return true;
    }

    /** Does the last part of closing. Before it, {@link #killLeftovers} makes sure that no process uses the files. */
    void finishClosing() {
        folder.delete();
    }

    /** Kills what the commands of the hosts left behind. Looks through all processes once, so once for many hosts. */
    static void killLeftovers(List<SshHost> hosts) {
        HostProcesses.kill(hosts.stream()
                .map(host -> host.processes)
                .filter(HostProcesses::everRan)
                .map(HostProcesses::mark)
                .collect(Collectors.toSet()));
    }

    @Override
    public String toString() {
        return "SshHost[" + address().getHostAddress() + ":" + port() + " " + mood + "]";
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException(this + " is closed");
        }
    }

    private void endCommandsAndConnections() {
        processes.endCommands();
        List<CloseFuture> closing = new ArrayList<>();
        openConnections.forEach(connection -> closing.add(connection.close(true)));
        closing.forEach(connection -> connection.awaitUninterruptibly(CLOSE_PATIENCE));
    }

    // What the parts of the server ask and tell.

    KeyPair hostKeyPair() {
        return hostKey;
    }

    CommandLine commandLine() {
        return commandLine;
    }

    Duration agentInterval() {
        return agentInterval;
    }

    HostProcesses processes() {
        return processes;
    }

    HostRecord record() {
        return record;
    }

    /** Returns a real path as the machine's own users know it. */
    String display(String path) {
        return folder.display(path);
    }

    boolean acceptsKey(PublicKey key) {
        return noteAuthentication(accounts.have(key));
    }

    boolean acceptsPassword(String user, String password) {
        return noteAuthentication(accounts.have(user, password));
    }

    private boolean noteAuthentication(boolean known) {
        boolean accepted = known && mood != Mood.REJECT_AUTHENTICATION;
        if (!accepted) {
            authenticationsFailed.incrementAndGet();
        }
        return accepted;
    }

    /** Notes a connection, unless the host is closed. */
    boolean opened(IoSession connection) {
        openConnections.add(connection);
        if (closed) {
            openConnections.remove(connection);
            return false;
        }
        connections.incrementAndGet();
        return true;
    }

    void closed(IoSession connection) {
        openConnections.remove(connection);
    }

    void started(HostCommand command) {
        processes.started(command);
        if (closed) {
            command.destroy();
        }
    }

    /** Collects the settings of an {@link SshHost}. Not safe for several threads. */
    public static final class Builder {
        private InetAddress address = InetAddress.getLoopbackAddress();
        private int port;
        private @Nullable Path directory;
        private @Nullable SshHosts hosts;
        private Mood mood = Mood.NORMAL;
        private Duration agentInterval = Duration.ofMinutes(1);
        private final HostAccounts accounts = new HostAccounts();

        private Builder() {
            try {
                address = InetAddress.getByAddress("localhost", new byte[] {127, 0, 0, 1});
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        }

        /**
         * Sets the address to listen on; 127.0.0.1 by default. It need not be that one: on Linux all of 127.0.0.0/8 are
         * loopback addresses, so that many machines can have the same port.
         *
         * @throws IllegalArgumentException if it is no loopback address
         */
        public Builder address(InetAddress address) {
            if (!address.isLoopbackAddress()) {
                throw new IllegalArgumentException(
                        "an SshHost runs whatever it is sent and so listens on loopback only, not on " + address);
            }
            this.address = address;
            return this;
        }

        /**
         * Sets the TCP port to listen on; 0, the default, takes a free one.
         *
         * @throws IllegalArgumentException if it is not from 0 to 65535
         */
        public Builder port(int port) {
            if (port < 0 || port > 65535) {
                throw new IllegalArgumentException("port " + port + " is not from 0 to 65535");
            }
            this.port = port;
            return this;
        }

        /**
         * Lets in clients with the private key to this one, under whatever user name. May be called several times.
         * By default no client is let in.
         *
         * @throws IllegalArgumentException if the key has no encoded form
         */
        public Builder authorizedKey(PublicKey key) {
            accounts.add(key);
            return this;
        }

        /**
         * Lets in clients with the private key to this one, given as a line of an authorized_keys file: type and
         * base64. May be called several times.
         *
         * @throws IllegalArgumentException if it cannot be read
         */
        public Builder authorizedKey(String line) {
            accounts.add(line);
            return this;
        }

        /** Lets in clients with the password of the user. May be called several times. By default no client is let in. */
        public Builder password(String user, String password) {
            accounts.add(user, password);
            return this;
        }

        /**
         * Sets the folder that stands for the machine's {@code /}. It is created where it is missing, and stays
         * when the host is closed. By default a temporary one, deleted with the host.
         */
        public Builder directory(Path directory) {
            this.directory = Objects.requireNonNull(directory, "directory");
            return this;
        }

        /** Sets the mood to begin with; {@link Mood#NORMAL} by default. */
        public Builder mood(Mood mood) {
            this.mood = Objects.requireNonNull(mood, "mood");
            return this;
        }

        /**
         * Sets how long a {@link dev.shepherd.testkit.agent.TestAgent} that stays on the host waits between two
         * heartbeats, at least 1 ms; one minute by default.
         */
        public Builder agentInterval(Duration interval) {
            if (interval.toMillis() < 1) {
                throw new IllegalArgumentException("the interval is at least 1 ms, not " + interval);
            }
            this.agentInterval = interval;
            return this;
        }

        /** Sets what to share threads with other hosts through. By default the host has threads of its own. */
        public Builder hosts(SshHosts hosts) {
            this.hosts = Objects.requireNonNull(hosts, "hosts");
            return this;
        }

        /**
         * Starts the host. When this returns it can be connected to, unless its mood forbids it.
         *
         * @throws UncheckedIOException if the port is taken, or the folder cannot be made
         * @throws IllegalStateException if the {@link SshHosts} are closed
         */
        public SshHost start() {
            SshHosts shared = hosts;
            SshHosts used = shared == null ? SshHosts.start() : shared;
            try {
                return new SshHost(this, used, shared == null);
            } catch (IOException e) {
                if (shared == null) {
                    used.close();
                }
                throw new UncheckedIOException(
                        "cannot start an SshHost on " + address.getHostAddress() + ":" + port, e);
            }
        }
    }
}
