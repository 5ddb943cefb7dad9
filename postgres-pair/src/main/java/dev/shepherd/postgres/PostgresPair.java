package dev.shepherd.postgres;

import dev.shepherd.postgres.PostgresException.Reason;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Two PostgreSQL servers, a primary and a standby that follows it, for tests of what a failover does to a program.
 *
 * <p>The standby is a synchronous one: a commit is answered once both have it, so that none that was answered is lost
 * with the primary. While there is no standby, between {@link #promote} and {@link #restoreStandby}, the primary
 * commits alone, as one does under a cluster manager that puts writing above a second copy.
 *
 * <p>A failover takes two steps, between which no server answers: {@link #crashPrimary}, {@link #stopPrimary} or {@link
 * #freezePrimary}, then {@link #promote}. {@link #restoreStandby} makes the failed server follow the new primary, on a
 * fresh copy of its data, and so allows for the next failover. Both servers keep their ports for as long as the pair
 * lives.
 *
 * <p>Like a {@linkplain PostgresServer#startTemporary() temporary server}, it is not written through to the disk, lives
 * in a temporary folder, and is deleted with it. Safe for use by many threads; what changes the pair is done one at a
 * time.
 */
@NullMarked
public final class PostgresPair implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(PostgresPair.class);
    private static final String DATABASE = "postgres";
    private static final Duration SYNCHRONOUS_TIMEOUT = Duration.ofSeconds(60);
    private static final long POLL_MILLIS = 20;

    /** Below the ports that systems give to outgoing connections, one of which could take that of a stopped server. */
    private static final int FIRST_PORT = 15_000;

    private static final int LAST_PORT = 30_000;

    /** What a copy of a running server's data leaves empty: it is the other's own, or comes over the wire. */
    private static final Set<String> LEFT_EMPTY = Set.of(
            "pg_wal",
            "pg_replslot",
            "pg_dynshmem",
            "pg_notify",
            "pg_serial",
            "pg_snapshots",
            "pg_stat_tmp",
            "pg_subtrans",
            "pgsql_tmp");

    private final Node[] nodes;
    private final Account account;
    private final Thread shutdownHook = new Thread(this::closeAtExit, "shepherd-postgres-pair-closer");
    private final Object lock = new Object();
    private final String password;

    private volatile int primary;
    private volatile boolean closed;

    /** The processes of the primary that was frozen last, until there is a standby again. */
    private List<ProcessHandle> frozen = List.of();

    /** One of the two servers, with its place. */
    private record Node(String name, FolderLock folder, Postmaster postmaster, int port) {
        Path home() {
            return folder.folder();
        }

        Path data() {
            return home().resolve("data");
        }
    }

    private PostgresPair(Node[] nodes, Account account, String password) {
        this.nodes = nodes;
        this.account = account;
        this.password = password;
    }

    /**
     * Starts a pair. Takes a few seconds.
     *
     * @throws PostgresException if a server does not start; the message ends with the end of its log
     */
    public static PostgresPair start() {
        Account account = Account.current();
        List<FolderLock> folders = new ArrayList<>();
        @Nullable PostgresPair pair = null;
        boolean started = false;
        try {
            TemporaryFolders temporary = TemporaryFolders.open(account);
            temporary.sweep();
            Binaries binaries = temporary.binaries();
            Node[] nodes = new Node[2];
            for (int i = 0; i < nodes.length; i++) {
                FolderLock folder = temporary.next();
                folders.add(folder);
                Postmaster postmaster = Postmaster.replicated(folder.folder(), binaries, account);
                nodes[i] = new Node("node" + i, folder, postmaster, freePort());
            }
            nodes[0].postmaster().start(nodes[0]::port);
            String password = Files.readString(nodes[0].home().resolve(Postmaster.PASSWORD))
                    .strip();
            pair = new PostgresPair(nodes, account, password);
            Runtime.getRuntime().addShutdownHook(pair.shutdownHook);
            pair.restoreStandby();
            started = true;
            return pair;
        } catch (IOException e) {
            throw new PostgresException(Reason.NOT_STARTED, "No pair of PostgreSQL servers can be started: " + e, e);
        } finally {
            if (!started) {
                if (pair != null) {
                    pair.close();
                } else {
                    folders.forEach(PostgresPair::discard);
                }
            }
        }
    }

    private static int freePort() throws IOException {
        IOException last = new IOException("no port was tried");
        for (int attempt = 0; attempt < 100; attempt++) {
            int port = ThreadLocalRandom.current().nextInt(FIRST_PORT, LAST_PORT);
            try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getByName(Postmaster.ADDRESS))) {
                return socket.getLocalPort();
            } catch (IOException e) {
                last = e;
            }
        }
        throw last;
    }

    /** Returns the ports of the two servers, on 127.0.0.1: always the same ones, in the same order. */
    public List<Integer> ports() {
        return List.of(nodes[0].port(), nodes[1].port());
    }

    /** Returns which of {@link #ports()} is the primary's, by its index. */
    public int primary() {
        return primary;
    }

    /**
     * Returns a URL, with user and password, that names both servers and leads to whichever is the primary.
     *
     * @param database its name; it need not exist
     */
    public String jdbcUrl(String database) {
        return jdbcUrl(ports(), database);
    }

    /**
     * Returns such a URL with other ports, of what stands before the servers.
     *
     * @param ports the ports on 127.0.0.1, at least one
     * @param database its name; it need not exist
     */
    public String jdbcUrl(List<Integer> ports, String database) {
        String hosts = String.join(
                ",", ports.stream().map(port -> Postmaster.ADDRESS + ":" + port).toList());
        return "jdbc:postgresql://" + hosts + "/" + Databases.checkName(database) + "?user=" + Postmaster.USER
                + "&password=" + password + "&targetServerType=primary";
    }

    /** Makes an empty database and returns its {@link #jdbcUrl(String)}. */
    public String createDatabase(String name) {
        Databases.checkName(name);
        execute("create database \"" + name + "\" template template0");
        return jdbcUrl(name);
    }

    /**
     * Connects to the primary, past whatever became of the other server: a URL that names both leads through a frozen
     * one, at which a driver waits for ever. One that takes no writes for the moment is connected to as well. Waits for
     * 20 s at most, and for 120 s for each answer.
     *
     * @param database its name
     * @throws PostgresException if the primary does not answer, or refuses
     */
    public Connection connect(String database) {
        return new Databases("jdbc:postgresql://" + Postmaster.ADDRESS + ":" + nodes[primary].port() + "/"
                        + Databases.checkName(database) + "?user=" + Postmaster.USER + "&password=" + password)
                .connect();
    }

    /** Kills the primary, as a loss of its host would: it writes and answers nothing more. */
    public void crashPrimary() {
        synchronized (lock) {
            requireOpen();
            nodes[primary].postmaster().crash();
        }
    }

    /** Stops the primary as an operator does: it ends its connections and hands the standby all that it has. */
    public void stopPrimary() {
        synchronized (lock) {
            requireOpen();
            nodes[primary].postmaster().stop();
        }
    }

    /**
     * Stops all processes of the primary with {@code SIGSTOP}: connections to it stay, new ones can be made, and
     * nothing is answered.
     */
    public void freezePrimary() {
        synchronized (lock) {
            requireOpen();
            ProcessHandle server = nodes[primary].postmaster().process();
            if (server == null || !frozen.isEmpty()) {
                throw new IllegalStateException("the primary does not run, or there is no standby");
            }
            List<ProcessHandle> processes = new ArrayList<>(List.of(server));
            // From the top down: a server that is stopped begins no further process.
            signal("STOP", processes);
            server.descendants().forEach(processes::add);
            signal("STOP", processes);
            frozen = processes;
        }
    }

    /**
     * Lets a server go on that was {@linkplain #freezePrimary frozen}. If the other one was promoted meanwhile, it
     * still considers itself the primary, and never answers a commit that has written something.
     */
    public void thaw() {
        synchronized (lock) {
            requireOpen();
            signal("CONT", frozen);
        }
    }

    private static void signal(String signal, List<ProcessHandle> processes) {
        List<String> command = new ArrayList<>(List.of("kill", "-" + signal));
        processes.stream().filter(ProcessHandle::isAlive).forEach(process -> command.add(Long.toString(process.pid())));
        try {
            // One of them may have ended by now, of which it complains.
            new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start()
                    .waitFor();
        } catch (IOException e) {
            throw new PostgresException(Reason.NOT_STOPPED, "PostgreSQL cannot be sent SIG" + signal + ": " + e, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new PostgresException(Reason.NOT_STOPPED, "Interrupted while PostgreSQL was sent SIG" + signal, e);
        }
    }

    /** Ends a server that is frozen, or that was and does not know what happened meanwhile. */
    private void endFrozen() {
        if (!frozen.isEmpty()) {
            frozen.forEach(ProcessHandle::destroyForcibly);
            for (Node node : nodes) {
                if (frozen.get(0).equals(node.postmaster().process())) {
                    node.postmaster().crash();
                }
            }
            frozen = List.of();
        }
    }

    /**
     * Makes the standby the primary. The old one must have been stopped, crashed or frozen.
     *
     * @throws IllegalStateException if the old one still runs
     */
    public void promote() {
        synchronized (lock) {
            requireOpen();
            ProcessHandle old = nodes[primary].postmaster().process();
            if (old != null && Postmaster.isRunning(old) && frozen.isEmpty()) {
                throw new IllegalStateException("the primary still runs: stop it first, or there would be two");
            }
            nodes[1 - primary].postmaster().promote();
            primary = 1 - primary;
            LOG.debug("{} is the primary now", nodes[primary].name());
        }
    }

    /** Makes the server that is not the primary follow it, on a fresh copy, and waits until commits wait for it. */
    public void restoreStandby() {
        synchronized (lock) {
            requireOpen();
            Node from = nodes[primary];
            Node to = nodes[1 - primary];
            endFrozen();
            to.postmaster().stop();
            try {
                copy(from, to);
                configure(from, to);
                to.postmaster().start(to::port);
            } catch (IOException e) {
                throw new PostgresException(
                        Reason.NOT_STARTED, "No standby can be made of " + from.home() + ": " + e, e);
            }
            awaitRow("select 1 from pg_stat_replication where state = 'streaming'");
            execute("alter system set synchronous_standby_names = '*'");
            execute("select pg_reload_conf()");
            awaitRow("select 1 from pg_stat_replication where sync_state = 'sync'");
            // What was committed before commits waited for the standby is to be there too.
            String last = query("select pg_current_wal_lsn()");
            awaitRow("select 1 from pg_stat_replication where flush_lsn >= '" + last + "'");
        }
    }

    /** Copies the data of a running server as a base backup does: the log makes the copy consistent. */
    private void copy(Node from, Node to) throws IOException {
        Folders.delete(to.data());
        Path next = to.home().resolve("data.new");
        Folders.delete(next);
        Files.createDirectory(next, Folders.privateFolder());
        account.own(next);
        try (Connection connection = connect(DATABASE);
                Statement statement = connection.createStatement()) {
            statement.execute("select pg_backup_start('standby', true)");
            copyFiles(from.data(), next);
            try (ResultSet row = statement.executeQuery("select labelfile from pg_backup_stop(false)")) {
                row.next();
                write(next.resolve("backup_label"), row.getString(1));
            }
        } catch (SQLException e) {
            throw new IOException("the primary cannot be copied: " + e.getMessage(), e);
        }
        Files.move(next, to.data());
    }

    private void copyFiles(Path from, Path to) throws IOException {
        Folders.copyWhileInUse(
                from, to, LEFT_EMPTY, Set.of("postmaster.pid", "postmaster.opts", "standby.signal"), account);
        Path archiveStatus = to.resolve("pg_wal").resolve("archive_status");
        Files.createDirectory(archiveStatus, Folders.privateFolder());
        account.own(archiveStatus);
    }

    private void configure(Node from, Node to) throws IOException {
        Path password = to.home().resolve(Postmaster.PASSWORD);
        Folders.writePrivately(password, this.password + "\n");
        account.own(password);
        write(
                to.data().resolve("postgresql.auto.conf"),
                String.format(
                                Locale.ROOT,
                                "primary_conninfo = 'host=%s port=%d user=%s password=%s application_name=%s'%n",
                                Postmaster.ADDRESS,
                                from.port(),
                                Postmaster.USER,
                                this.password,
                                to.name())
                        // Once it is the primary, there is no standby that its commits could wait for.
                        + "synchronous_standby_names = ''\n");
        write(to.data().resolve("standby.signal"), "");
    }

    private void write(Path file, String text) throws IOException {
        Files.deleteIfExists(file);
        Files.createFile(file, Folders.privateFile());
        Files.writeString(file, text, StandardOpenOption.WRITE);
        account.own(file);
    }

    private void execute(String sql) {
        try (Connection connection = connect(DATABASE);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new PostgresException(Reason.REFUSED, nodes[primary].name() + " refuses: " + e.getMessage(), e);
        }
    }

    private String query(String sql) {
        try (Connection connection = connect(DATABASE);
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getString(1);
        } catch (SQLException e) {
            throw new PostgresException(Reason.REFUSED, nodes[primary].name() + " refuses: " + e.getMessage(), e);
        }
    }

    private void awaitRow(String sql) {
        long start = System.nanoTime();
        try (Connection connection = connect(DATABASE);
                Statement statement = connection.createStatement()) {
            while (true) {
                try (ResultSet row = statement.executeQuery(sql)) {
                    if (row.next()) {
                        return;
                    }
                }
                if (System.nanoTime() - start > SYNCHRONOUS_TIMEOUT.toNanos()) {
                    throw new PostgresException(
                            Reason.NOT_STARTED,
                            "The standby does not follow within " + SYNCHRONOUS_TIMEOUT.toSeconds() + " s. "
                                    + nodes[1 - primary].home().resolve("server.log") + " ends with:\n"
                                    + Commands.tail(nodes[1 - primary].home().resolve("server.log"), 0));
                }
                Thread.sleep(POLL_MILLIS);
            }
        } catch (SQLException e) {
            throw new PostgresException(Reason.REFUSED, "The primary cannot be asked: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new PostgresException(Reason.NOT_STARTED, "Interrupted while a standby was made", e);
        }
    }

    List<Path> folders() {
        return List.of(nodes[0].home(), nodes[1].home());
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("This pair is closed");
        }
    }

    /** Stops both servers and deletes their data. Once it is closed, a further call does nothing. */
    @Override
    public void close() {
        synchronized (lock) {
            if (closed) {
                return;
            }
            closed = true;
            try {
                Runtime.getRuntime().removeShutdownHook(shutdownHook);
            } catch (IllegalStateException e) {
                // The JVM is shutting down, and this may be the hook.
            }
            boolean interrupted = Thread.interrupted();
            try {
                endFrozen();
                // The standby first: a primary that stops waits until its standby has everything.
                for (Node node : List.of(nodes[1 - primary], nodes[primary])) {
                    node.postmaster().stop();
                    discard(node.folder());
                }
            } finally {
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }
    }

    /** As {@link #close}, but does not wait for a change of the pair that is under way on another thread. */
    private void closeAtExit() {
        for (Node node : nodes) {
            node.postmaster().crash();
        }
        close();
    }

    private static void discard(FolderLock folder) {
        try (folder) {
            Folders.deleteWhileInUse(folder.folder());
        } catch (IOException e) {
            LOG.warn("Not all that PostgreSQL left in {} could be deleted", folder.folder(), e);
        }
    }

    /** Names both servers and tells which is the primary; no password. */
    @Override
    public String toString() {
        return "PostgreSQL pair at " + Postmaster.ADDRESS + ":" + ports() + ", the primary at " + nodes[primary].port();
    }
}
