package dev.shepherd.testkit.ssh;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.sshd.common.config.keys.KeyUtils;
import org.apache.sshd.common.io.IoAcceptor;
import org.apache.sshd.common.io.nio2.Nio2ServiceFactoryFactory;
import org.apache.sshd.common.keyprovider.KeyPairProvider;
import org.apache.sshd.common.util.threads.CloseableExecutorService;
import org.apache.sshd.common.util.threads.SshThreadPoolExecutor;
import org.apache.sshd.common.util.threads.ThreadUtils;
import org.apache.sshd.core.CoreModuleProperties;
import org.apache.sshd.scp.ScpModuleProperties;
import org.apache.sshd.scp.server.ScpCommandFactory;
import org.apache.sshd.server.ServerBuilder;
import org.apache.sshd.server.SshServer;
import org.apache.sshd.server.auth.password.UserAuthPasswordFactory;
import org.apache.sshd.server.auth.pubkey.UserAuthPublicKeyFactory;
import org.apache.sshd.sftp.SftpModuleProperties;
import org.apache.sshd.sftp.server.SftpSubsystemFactory;
import org.jspecify.annotations.Nullable;

/**
 * What any number of {@link SshHost}s share: the threads that serve them, and the number of processes that run
 * on them at once.
 *
 * <p>Two hundred hosts of one {@code SshHosts} take no more threads than one does. A host that is given none
 * makes one for itself and closes it with itself; otherwise the caller that started it closes it.
 *
 * <p>Safe for use by several threads.
 */
public final class SshHosts implements AutoCloseable {

    private static final long CLOSE_SECONDS = 10;

    private final int maxProcesses;
    private final SshThreadPoolExecutor io;
    private final SshThreadPoolExecutor workers;
    private final ScheduledThreadPoolExecutor timer;
    private final ProcessSlots slots;
    private final Server server;
    private final Map<SocketAddress, SshHost> hosts = new ConcurrentHashMap<>();
    private final Object lock = new Object();
    /** Ends child processes and deletes temporary folders where the JVM ends without anybody having closed us. */
    private final Thread shutdownHook = new Thread(this::closeHosts, "ssh-hosts-shutdown");

    private boolean closed;

    private SshHosts(Builder builder) {
        maxProcesses = builder.maxProcesses;
        int ioThreads = Math.max(3, Runtime.getRuntime().availableProcessors() + 1);
        io = new SshThreadPoolExecutor(
                ioThreads, ioThreads, 1, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), named("ssh-hosts-io"));
        io.allowCoreThreadTimeOut(true);
        workers = new SshThreadPoolExecutor(
                0, Integer.MAX_VALUE, 1, TimeUnit.SECONDS, new SynchronousQueue<>(), named("ssh-hosts-worker"));
        timer = new ScheduledThreadPoolExecutor(1, named("ssh-hosts-timer"));
        timer.setRemoveOnCancelPolicy(true);
        slots = new ProcessSlots(maxProcesses, workers);
        server = newServer();
        server.start();
        Runtime.getRuntime().addShutdownHook(shutdownHook);
    }

    /** Starts with the default settings. */
    public static SshHosts start() {
        return builder().start();
    }

    /** Starts a builder with the default settings. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns how many processes run on all the hosts at once. */
    public int maxProcesses() {
        return maxProcesses;
    }

    /**
     * Closes the hosts that are still open and then ends the threads, and waits until they are gone. Closing
     * twice is allowed.
     */
    @Override
    public void close() {
        synchronized (lock) {
            if (closed) {
                return;
            }
            closed = true;
        }
        try {
            Runtime.getRuntime().removeShutdownHook(shutdownHook);
        } catch (IllegalStateException e) {
            // The JVM is ending, and the hook is running.
        }
        try {
            closeHosts();
        } finally {
            endThreads();
        }
    }

    private void closeHosts() {
        List<SshHost> closing =
                hosts.values().stream().filter(SshHost::beginClosing).toList();
        SshHost.killLeftovers(closing);
        RuntimeException failure = null;
        for (SshHost host : closing) {
            try {
                host.finishClosing();
            } catch (RuntimeException e) {
                if (failure == null) {
                    failure = e;
                } else {
                    failure.addSuppressed(e);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    private void endThreads() {
        boolean interrupted = false;
        try {
            server.close(true).await(Duration.ofSeconds(CLOSE_SECONDS));
        } catch (IOException e) {
            interrupted = Thread.interrupted();
        }
        timer.shutdownNow();
        workers.shutdownNow();
        io.shutdownNow();
        for (ExecutorService pool : List.of(timer, workers, io)) {
            try {
                pool.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    CloseableExecutorService workers() {
        return ThreadUtils.noClose(workers);
    }

    ScheduledExecutorService timer() {
        return timer;
    }

    ProcessSlots slots() {
        return slots;
    }

    /** Makes connections to the address the host's. */
    void add(InetSocketAddress address, SshHost host) {
        synchronized (lock) {
            if (closed) {
                throw new IllegalStateException("the SshHosts are closed");
            }
            if (hosts.putIfAbsent(address, host) != null) {
                throw new IllegalStateException("there already is an SshHost on " + address);
            }
        }
    }

    void remove(InetSocketAddress address) {
        hosts.remove(address);
    }

    @Nullable
    SshHost at(@Nullable SocketAddress address) {
        return address == null ? null : hosts.get(address);
    }

    void listen(InetSocketAddress address) throws IOException {
        server.acceptor().bind(address);
    }

    void stopListening(InetSocketAddress address) {
        server.acceptor().unbind(address);
    }

    static KeyPair newHostKey() {
        try {
            return KeyUtils.generateKeyPair(KeyPairProvider.SSH_ED25519, 256);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("cannot make an ed25519 host key: is bcprov-jdk18on on the class path?", e);
        }
    }

    private Server newServer() {
        Server made = (Server) ServerBuilder.builder().factory(Server::new).build();
        made.setIoServiceFactoryFactory(new Nio2ServiceFactoryFactory(() -> ThreadUtils.noClose(io)));
        made.setScheduledExecutorService(timer);
        made.setSessionFactory(new Connections(made, this));
        made.setKeyPairProvider(session -> List.of(HostSession.of(session).hostKey()));
        made.setUserAuthFactories(List.of(
                HostLogin.factory(UserAuthPublicKeyFactory.INSTANCE),
                HostLogin.factory(UserAuthPasswordFactory.INSTANCE)));
        made.setPublickeyAuthenticator(
                (user, key, session) -> HostSession.of(session).host().acceptsKey(key));
        made.setPasswordAuthenticator(
                (user, password, session) -> HostSession.of(session).host().acceptsPassword(user, password));
        HostFiles files = new HostFiles();
        made.setFileSystemFactory(files);
        made.setSubsystemFactories(List.of(sftp(files)));
        made.setCommandFactory(new HostCommands(this, scp(files)));
        CoreModuleProperties.SERVER_IDENTIFICATION.set(made, Connections.IDENTIFICATION);
        CoreModuleProperties.IDLE_TIMEOUT.set(made, Duration.ZERO);
        CoreModuleProperties.NIO2_READ_TIMEOUT.set(made, Duration.ZERO);
        // A client that does not read what a command writes makes the command wait, however long.
        CoreModuleProperties.NIO2_MIN_WRITE_TIMEOUT.set(made, Duration.ofDays(1));
        CoreModuleProperties.WAIT_FOR_SPACE_TIMEOUT.set(made, Duration.ofDays(1));
        // As OpenSSH does: it speaks version 3 only.
        SftpModuleProperties.SFTP_VERSION.set(made, 3);
        ScpModuleProperties.PROP_AUTO_SYNC_FILE_ON_WRITE.set(made, false);
        return made;
    }

    private SftpSubsystemFactory sftp(HostFiles files) {
        SftpSubsystemFactory factory = new SftpSubsystemFactory.Builder()
                .withExecutorServiceProvider(this::workers)
                .build();
        factory.addSftpEventListener(files);
        return factory;
    }

    private ScpCommandFactory scp(HostFiles files) {
        return new ScpCommandFactory.Builder()
                .withExecutorServiceProvider(this::workers)
                .withFileOpener(files)
                .build();
    }

    private static ThreadFactory named(String prefix) {
        AtomicInteger count = new AtomicInteger();
        return task -> {
            Thread thread = new Thread(task, prefix + "-" + count.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        };
    }

    /** One server of Apache MINA for all hosts: it listens on many ports, each of which is another machine. */
    private static final class Server extends SshServer {

        @Override
        public void start() {
            checkConfig();
            acceptor = createAcceptor();
            setupSessionTimeout(getSessionFactory());
        }

        IoAcceptor acceptor() {
            return acceptor;
        }
    }

    /** Collects the settings of {@link SshHosts}. Not safe for several threads. */
    public static final class Builder {
        private int maxProcesses = Math.max(4, 2 * Runtime.getRuntime().availableProcessors());

        private Builder() {}

        /**
         * Sets how many processes may run on all the hosts together, at least 1; by default twice the number of
         * processors, and 4 at the least. A further command waits its turn, first come, first served, as if it
         * were running already. A command whose agent a {@link Mood} keeps from ever ending is not counted.
         *
         * @throws IllegalArgumentException if the number is not positive
         */
        public Builder maxProcesses(int maxProcesses) {
            if (maxProcesses < 1) {
                throw new IllegalArgumentException("maxProcesses is " + maxProcesses + ", but at least 1 is needed");
            }
            this.maxProcesses = maxProcesses;
            return this;
        }

        /** Starts the threads. */
        public SshHosts start() {
            return new SshHosts(this);
        }
    }
}
