package dev.shepherd.testkit.ssh;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.sshd.common.config.keys.PublicKeyEntry;
import org.apache.sshd.common.future.CloseFuture;
import org.apache.sshd.common.io.IoSession;
import org.jspecify.annotations.Nullable;

/**
 * A real SSH server in this process that stands for one machine.
 *
 * <p>It listens on a loopback address, lets in whom it was told to, takes uploads by SFTP and SCP into a folder
 * of its own that stands for the machine's {@code /}, and runs commands as real child processes. Told to by its
 * {@link Mood}, it misbehaves in one of the ways in which machines do.
 *
 * <pre>{@code
 * try (SshHost host = SshHost.builder().authorizedKey(publicKey).start()) {
 *     // takes the machine at host.address() and host.port() over
 * }
 * }</pre>
 *
 * <p><strong>Files.</strong> Absolute and relative paths alike are below {@link #root()}, and none leads out of
 * it. The folders {@code /root} and {@code /tmp} exist. SFTP is version 3, with the extensions of OpenSSH for
 * renaming over an existing file and for syncing it to the disk.
 *
 * <p><strong>Commands.</strong> The words of a command line that begin with a slash are taken to be below
 * {@link #root()} too, other than those below {@code /dev} and {@code /proc}, and programs in {@code /bin},
 * {@code /sbin} and {@code /usr}. A line that just calls a file of the host runs that file; any other is run by
 * {@code /bin/sh} in the host's root. What is quoted inside a word is left as it is. The environment is a fresh one: {@code JAVA_HOME} is that of this
 * JVM and its {@code bin} comes first in {@code PATH}. When the channel or the connection is closed, the process
 * and its descendants are asked to end, and made to half a second later. This serves tests: commands run as the
 * user of this JVM and are <em>not</em> confined to the host's folder. There are neither terminals nor login shells,
 * and nothing is forwarded. Needs a POSIX system; daemons that a command left behind are found where there is a
 * {@code /proc} as on Linux.
 *
 * <p>Apache MINA SSHD, which does the work, logs through SLF4J below {@code org.apache.sshd}; in bad moods it
 * complains there.
 *
 * <p>Safe for use by several threads.
 */
public final class SshHost implements AutoCloseable {

    /** How many of the latest executions and uploads are remembered, each. */
    public static final int MAX_REMEMBERED = 1000;

    /** The environment variable by which a host knows its processes. */
    static final String COOKIE = "SHEPHERD_TEST_HOST";

    private static final int MAX_PORT_ATTEMPTS = 10;
    private static final int MAX_DELETE_ATTEMPTS = 5;
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
    private final InetSocketAddress address;
    private final Path root;
    private final boolean ownsRoot;
    private final List<byte[]> authorizedKeys;
    private final Map<String, byte[]> passwords;
    private final CommandLine commandLine;
    private final AtomicInteger connections = new AtomicInteger();
    private final AtomicInteger authenticationsFailed = new AtomicInteger();
    private final Set<IoSession> openConnections = ConcurrentHashMap.newKeySet();
    private final Set<HostCommand> running = ConcurrentHashMap.newKeySet();
    private volatile KeyPair hostKey = SshHosts.newHostKey();

    private final Object lock = new Object();
    private final Deque<Upload> uploads = new ArrayDeque<>();
    private final Deque<Run> runs = new ArrayDeque<>();
    /** In the environment of every process since the machine was booted last. */
    private volatile String cookie = UUID.randomUUID().toString();

    private final Duration agentInterval;
    private volatile Mood mood;
    private volatile boolean closed;
    private boolean listening;

    /** Keeps the port ours, without listening, while connections are refused. */
    private @Nullable Socket placeholder;

    private boolean everRan;

    private SshHost(Builder builder, SshHosts hosts, boolean ownsHosts) throws IOException {
        this.hosts = hosts;
        this.ownsHosts = ownsHosts;
        mood = builder.mood;
        agentInterval = builder.agentInterval;
        authorizedKeys = List.copyOf(builder.authorizedKeys);
        passwords = Map.copyOf(builder.passwords);
        ownsRoot = builder.directory == null;
        root = (builder.directory == null
                        ? Files.createTempDirectory("ssh-host")
                        : Files.createDirectories(builder.directory))
                .toRealPath();
        commandLine = new CommandLine(root);
        try {
            Files.createDirectories(root.resolve("root"));
            Files.createDirectories(root.resolve("tmp"));
            address = listenSomewhere(new InetSocketAddress(builder.address, builder.port));
        } catch (IOException | RuntimeException e) {
            deleteRoot();
            throw e;
        }
    }

    private InetSocketAddress listenSomewhere(InetSocketAddress wanted) throws IOException {
        for (int attempt = 1; ; attempt++) {
            InetSocketAddress chosen = choosePort(wanted);
            hosts.add(chosen, this);
            try {
                listenAsMoodHasIt(chosen);
                return chosen;
            } catch (BindException e) {
                hosts.remove(chosen);
                // Somebody may have been given a port that was free a moment ago.
                if (wanted.getPort() != 0 || attempt == MAX_PORT_ATTEMPTS) {
                    throw e;
                }
            } catch (IOException | RuntimeException e) {
                hosts.remove(chosen);
                throw e;
            }
        }
    }

    /** Finds out the port before anybody can connect to it, so that it is known whose connections those are. */
    private static InetSocketAddress choosePort(InetSocketAddress wanted) throws IOException {
        if (wanted.getPort() != 0) {
            return wanted;
        }
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(wanted);
            return new InetSocketAddress(wanted.getAddress(), socket.getLocalPort());
        }
    }

    /** Starts a builder with the default settings. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns the address it listens on. */
    public InetAddress address() {
        return address.getAddress();
    }

    /** Returns the TCP port it listens on; the same one for as long as it is open, also while it refuses connections. */
    public int port() {
        return address.getPort();
    }

    /** Returns the public host key, as in a line of a {@code known_hosts} file: {@code ssh-ed25519 AAAA…}. */
    public String hostKey() {
        return PublicKeyEntry.toString(hostKey.getPublic());
    }

    /** Returns the real folder that stands for the machine's {@code /}. */
    public Path root() {
        return root;
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
                listenAsMoodHasIt(address);
            } catch (IOException e) {
                throw new UncheckedIOException("cannot listen on " + address + " again", e);
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
        Leftovers.kill(COOKIE, Set.of(cookie));
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
        String before = cookie;
        cookie = UUID.randomUUID().toString();
        endCommandsAndConnections();
        Leftovers.kill(COOKIE, Set.of(before));
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
            deleteBelow(root, false);
            Files.createDirectories(root.resolve("root"));
            Files.createDirectories(root.resolve("tmp"));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot clear " + root, e);
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
        synchronized (lock) {
            return runs.stream().map(Run::toExecution).toList();
        }
    }

    /** Returns the latest files whose upload came to its end, oldest first. A copy. */
    public List<Upload> uploads() {
        synchronized (lock) {
            return List.copyOf(uploads);
        }
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

    /** Does the first part of closing, which ends with nobody being connected; false if it was done before. */
    boolean beginClosing() {
        synchronized (lock) {
            if (closed) {
                return false;
            }
            closed = true;
            hosts.stopListening(address);
            try {
                leavePort();
            } catch (IOException e) {
                throw new UncheckedIOException("cannot leave " + address, e);
            }
        }
        endCommandsAndConnections();
        hosts.remove(address);
        return true;
    }

    /** Does the last part of closing. Before it, {@link #killLeftovers} makes sure that nobody uses the files. */
    void finishClosing() {
        deleteRoot();
    }

    /** Kills what the commands of the hosts left behind. Looks through all processes once, so once for many hosts. */
    static void killLeftovers(List<SshHost> hosts) {
        Set<String> cookies = new HashSet<>();
        for (SshHost host : hosts) {
            synchronized (host.lock) {
                if (host.everRan) {
                    cookies.add(host.cookie);
                }
            }
        }
        Leftovers.kill(COOKIE, cookies);
    }

    @Override
    public String toString() {
        return "SshHost[" + address.getAddress().getHostAddress() + ":" + address.getPort() + " " + mood + "]";
    }

    private void listenAsMoodHasIt(InetSocketAddress address) throws IOException {
        boolean wanted = mood != Mood.REFUSE;
        if (wanted && !listening) {
            leavePort();
            hosts.listen(address);
        } else if (!wanted && (listening || placeholder == null)) {
            hosts.stopListening(address);
            keepPort(address);
        }
        listening = wanted;
    }

    /** Binds the port without listening on it: to connect to it is refused, and nobody else is given it. */
    private void keepPort(InetSocketAddress address) throws IOException {
        Socket socket = new Socket();
        try {
            socket.setReuseAddress(true);
            socket.bind(address);
            placeholder = socket;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    private void leavePort() throws IOException {
        Socket socket = placeholder;
        placeholder = null;
        if (socket != null) {
            socket.close();
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException(this + " is closed");
        }
    }

    private void endCommandsAndConnections() {
        running.forEach(HostCommand::destroy);
        running.forEach(HostCommand::kill);
        List<CloseFuture> closing = new ArrayList<>();
        openConnections.forEach(connection -> closing.add(connection.close(true)));
        closing.forEach(connection -> connection.awaitUninterruptibly(CLOSE_PATIENCE));
    }

    private void deleteRoot() {
        if (!ownsRoot) {
            return;
        }
        for (int attempt = 1; ; attempt++) {
            try {
                deleteBelow(root, true);
                return;
            } catch (DirectoryNotEmptyException e) {
                // An upload that was cut short may just have made its file.
                if (attempt == MAX_DELETE_ATTEMPTS) {
                    throw new UncheckedIOException("cannot delete " + root, e);
                }
            } catch (IOException e) {
                throw new UncheckedIOException("cannot delete " + root, e);
            }
        }
    }

    private static void deleteBelow(Path folder, boolean andItself) throws IOException {
        Files.walkFileTree(folder, new SimpleFileVisitor<Path>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.deleteIfExists(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException failure) throws IOException {
                if (failure != null) {
                    throw failure;
                }
                if (andItself || !visited.equals(folder)) {
                    Files.deleteIfExists(visited);
                }
                return FileVisitResult.CONTINUE;
            }
        });
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

    /** Returns the mark that every process of this host has in its environment, until the next reboot. */
    String cookie() {
        return cookie;
    }

    /** Returns a real path as the machine's own users know it. */
    String display(String path) {
        return path.startsWith(root + "/") ? path.substring(root.toString().length()) : path;
    }

    boolean acceptsKey(PublicKey key) {
        byte[] encoded = key.getEncoded();
        return noteAuthentication(authorizedKeys.stream().anyMatch(known -> Arrays.equals(known, encoded)));
    }

    boolean acceptsPassword(String user, String password) {
        byte[] known = passwords.get(user);
        return noteAuthentication(
                known != null && MessageDigest.isEqual(known, password.getBytes(StandardCharsets.UTF_8)));
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

    void uploaded(String path, long size, Protocol protocol) {
        synchronized (lock) {
            remember(uploads, new Upload(path, size, protocol));
        }
    }

    void renamed(String from, String to) {
        synchronized (lock) {
            List<Upload> renamed = uploads.stream()
                    .map(upload ->
                            upload.path().equals(from) ? new Upload(to, upload.size(), upload.protocol()) : upload)
                    .toList();
            uploads.clear();
            uploads.addAll(renamed);
        }
    }

    Run requested(String command) {
        Run run = new Run(command);
        synchronized (lock) {
            remember(runs, run);
        }
        return run;
    }

    void started(HostCommand command) {
        running.add(command);
        synchronized (lock) {
            everRan = true;
        }
        if (closed) {
            command.destroy();
        }
    }

    void ended(HostCommand command) {
        running.remove(command);
    }

    private static <T> void remember(Deque<T> latest, T one) {
        if (latest.size() == MAX_REMEMBERED) {
            latest.removeFirst();
        }
        latest.addLast(one);
    }

    /** A command, of which the end is noted when it comes. */
    final class Run {
        private final String command;
        private OptionalInt exitCode = OptionalInt.empty();

        private Run(String command) {
            this.command = command;
        }

        void exited(int code) {
            synchronized (lock) {
                exitCode = OptionalInt.of(code);
            }
        }

        private Execution toExecution() {
            return new Execution(command, exitCode);
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
        private final List<byte[]> authorizedKeys = new ArrayList<>();
        private final Map<String, byte[]> passwords = new HashMap<>();

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
         * Lets in whoever has the private key to this one, under whatever user name. May be called several times.
         * By default nobody is let in.
         *
         * @throws IllegalArgumentException if the key has no encoded form
         */
        public Builder authorizedKey(PublicKey key) {
            byte[] encoded = key.getEncoded();
            if (encoded == null) {
                throw new IllegalArgumentException("the " + key.getAlgorithm() + " key has no encoded form");
            }
            authorizedKeys.add(encoded);
            return this;
        }

        /**
         * Lets in whoever has the private key to this one, given as a line of an authorized_keys file: type and
         * base64. May be called several times.
         *
         * @throws IllegalArgumentException if it cannot be read
         */
        public Builder authorizedKey(String line) {
            try {
                PublicKeyEntry entry = PublicKeyEntry.parsePublicKeyEntry(line);
                PublicKey key = entry == null ? null : entry.resolvePublicKey(null, null, null);
                if (key != null) {
                    return authorizedKey(key);
                }
            } catch (IOException | GeneralSecurityException | RuntimeException e) {
                throw new IllegalArgumentException("not a public key: \"" + line + "\"", e);
            }
            throw new IllegalArgumentException("not a public key: \"" + line + "\"");
        }

        /** Lets in whoever knows the password of the user. May be called several times. By default nobody is let in. */
        public Builder password(String user, String password) {
            passwords.put(Objects.requireNonNull(user, "user"), password.getBytes(StandardCharsets.UTF_8));
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
