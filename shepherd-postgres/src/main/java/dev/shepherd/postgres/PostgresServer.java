package dev.shepherd.postgres;

import dev.shepherd.postgres.PostgresException.Reason;
import dev.shepherd.postgres.Postmaster.PortSource;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A PostgreSQL server that this process started and owns, from binaries on the class path.
 *
 * <p>It listens on 127.0.0.1 only, at a port that the system chooses at each start, and accepts only the user {@code
 * postgres} with a random password; the URLs carry both. Its time zone is UTC, its encoding UTF-8, and text sorts by code
 * point. It takes up to 300 connections. It runs as root too, under another account.
 *
 * <p>What a folder given to {@link #startIn} holds, where temporary servers keep their files, and the system properties
 * that change that, is in {@code docs/embedded-postgres.md}.
 *
 * <p>A server whose process dies is started again, see {@link #gone()}. Instances are safe for use by many threads. Once
 * one is closed, what needs it throws {@link IllegalStateException}.
 */
public final class PostgresServer implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(PostgresServer.class);
    private static final String DATABASE = "postgres";
    private static final String CONNECTION = "connection";

    private static final Duration LOOK_INTERVAL = Duration.ofMillis(250);

    /** A server that dies so often is of no use, and may be doing harm. */
    private static final int MOST_DEATHS = 5;

    private static final Duration DEATHS_WITHIN = Duration.ofMinutes(10);

    private final FolderLock lock;
    private final boolean temporary;
    private final Binaries binaries;
    private final Postmaster postmaster;
    private final CompletableFuture<PostgresException> gone = new CompletableFuture<>();
    private final Object closing = new Object();
    private final Thread watcher = new Thread(this::watch, "shepherd-postgres-watcher");

    private volatile boolean closeRequested;
    private volatile boolean closed;
    private volatile int port;
    private volatile @Nullable Databases databases;
    private volatile @Nullable Thread shutdownHook;

    private PostgresServer(FolderLock lock, boolean temporary, Binaries binaries, Postmaster postmaster) {
        this.lock = lock;
        this.temporary = temporary;
        this.binaries = binaries;
        this.postmaster = postmaster;
    }

    /**
     * Starts a server whose data goes with it, for tests and demos: nothing is written through to the disk, since
     * nothing needs to outlive a crash of the host. Takes one to two seconds, and a few more where the binaries are
     * not unpacked yet; at most 60 s once the data is laid out.
     *
     * <p>A hook closes a forgotten one when the JVM exits. What a killed JVM leaves is stopped and deleted by the next
     * temporary server of the same user.
     *
     * @throws PostgresException if it does not start; the message ends with the end of the server's log
     */
    public static PostgresServer startTemporary() {
        return startTemporary(Account.current(), Postmaster::freePort);
    }

    static PostgresServer startTemporary(Account account, PortSource ports) {
        try {
            TemporaryFolders folders = TemporaryFolders.open(account);
            folders.sweep();
            Binaries binaries = folders.binaries();
            FolderLock lock = folders.next();
            Postmaster postmaster = Postmaster.temporary(lock.folder(), binaries, account);
            return start(new PostgresServer(lock, true, binaries, postmaster), ports);
        } catch (IOException e) {
            throw new PostgresException(Reason.NOT_STARTED, "No temporary PostgreSQL can be started: " + e, e);
        }
    }

    /**
     * Starts a server whose data stays in a folder and survives a restart and a crash. One process at a time may do so;
     * it holds the folder until the server is closed.
     *
     * <p>The folder is made, with access for its owner only, if it does not exist; data and password are closed to
     * others again at each start. If a killed process left its server running on it, that one is stopped first. A start
     * takes at most 180 s, since the server may have a log to replay. No hook stops the server when the JVM exits, as
     * it would then vanish from under whatever else is shutting down: close it. One that was not closed runs on until
     * the next start.
     *
     * @param folder a folder for nothing else, empty or one that this method was given before
     * @throws PostgresException with {@link Reason#FOLDER_IN_USE} if a process holds the folder, with {@link
     *     Reason#FOLDER_NOT_OURS} if it holds anything else, which is not touched, with {@link Reason#OTHER_VERSION} if
     *     its data is that of another major version of PostgreSQL, and with {@link Reason#NOT_STARTED} if the server
     *     does not start, where the message ends with the end of its log
     */
    public static PostgresServer startIn(Path folder) {
        return startIn(folder, Account.current(), Postmaster::freePort);
    }

    static PostgresServer startIn(Path folder, Account account, PortSource ports) {
        try {
            FolderLock lock = FolderLock.acquire(ours(Objects.requireNonNull(folder, "folder")));
            try {
                Path home = lock.folder();
                // Before the binaries are unpacked, which takes a while.
                Postmaster.requireQuotable(home);
                account.own(home);
                Binaries binaries = Binaries.in(home, TemporaryFolders.existing(), account);
                Postmaster postmaster = Postmaster.durable(home, binaries, account);
                postmaster.requireReadable();
                postmaster.stopOrphan();
                binaries.deleteOthers();
                return start(new PostgresServer(lock, false, binaries, postmaster), ports);
            } catch (RuntimeException | IOException e) {
                lock.close();
                throw e;
            }
        } catch (IOException e) {
            throw new PostgresException(Reason.NOT_STARTED, "PostgreSQL cannot be started in " + folder + ": " + e, e);
        }
    }

    /** Returns the real path of a folder that is a server's or free to become one's, and makes it if need be. */
    private static Path ours(Path folder) throws IOException {
        Path home = folder.toAbsolutePath().normalize();
        if (!Files.exists(home, LinkOption.NOFOLLOW_LINKS)) {
            Path parent = home.getParent();
            if (parent != null) {
                Files.createDirectories(parent);
            }
            try {
                Files.createDirectory(home, Folders.privateFolder());
            } catch (FileAlreadyExistsException e) {
                // Another process was faster.
            }
        }
        requireOurs(home);
        return home.toRealPath();
    }

    private static void requireOurs(Path home) throws IOException {
        if (!Files.isDirectory(home)) {
            throw new PostgresException(Reason.FOLDER_NOT_OURS, home + " is not a folder: choose another");
        }
        if (Files.exists(home.resolve("PG_VERSION"))) {
            throw new PostgresException(
                    Reason.FOLDER_NOT_OURS,
                    "The folder " + home + " is the data folder of another PostgreSQL; it was not touched: choose an"
                            + " empty folder");
        }
        // Data alone is not enough: /var/lib/pgsql looks like that too.
        boolean ours = Files.isRegularFile(home.resolve(FolderLock.FILE))
                || Files.isRegularFile(home.resolve(Postmaster.PASSWORD))
                        && Files.isRegularFile(home.resolve("data").resolve("PG_VERSION"));
        if (!ours && !Folders.list(home).isEmpty()) {
            throw new PostgresException(
                    Reason.FOLDER_NOT_OURS,
                    "The folder " + home + " holds something else than PostgreSQL's data; it was not touched: choose an"
                            + " empty folder");
        }
    }

    private static PostgresServer start(PostgresServer server, PortSource ports) {
        boolean started = false;
        try {
            server.start(ports);
            started = true;
            return server;
        } catch (IOException e) {
            throw new PostgresException(
                    Reason.NOT_STARTED, "PostgreSQL cannot be started in " + server.home() + ": " + e, e);
        } finally {
            if (!started) {
                server.abandon();
            }
        }
    }

    private void start(PortSource ports) throws IOException {
        long start = System.nanoTime();
        port = postmaster.start(ports);
        String address = "postgresql://" + Postmaster.ADDRESS + ":" + port + "/" + DATABASE + "?user=" + Postmaster.USER
                + "&password=" + password();
        Databases connected = new Databases("jdbc:" + address);
        connected.version();
        databases = connected;
        Folders.writePrivately(home().resolve(CONNECTION), address + "\n");
        if (temporary) {
            Thread hook = new Thread(this::close, "shepherd-postgres-closer");
            try {
                Runtime.getRuntime().addShutdownHook(hook);
            } catch (IllegalStateException e) {
                throw new PostgresException(Reason.NOT_STARTED, "The JVM is shutting down", e);
            }
            shutdownHook = hook;
        }
        watcher.setDaemon(true);
        watcher.start();
        LOG.debug(
                "{}, started in {} ms",
                this,
                Duration.ofNanos(System.nanoTime() - start).toMillis());
    }

    private String password() throws IOException {
        Path file = home().resolve(Postmaster.PASSWORD);
        if (!Files.exists(file)) {
            throw new PostgresException(
                    Reason.NOT_STARTED, "The file " + file + ", with the password of the data, is missing: restore it");
        }
        return Files.readString(file).strip();
    }

    /** Gives everything back after a start that failed; that failure is what the caller hears of. */
    private void abandon() {
        try {
            close();
        } catch (RuntimeException e) {
            LOG.warn("What a failed start left in {} could not be cleared away", home(), e);
        }
    }

    /** Returns the URL, with user and password, of the server's default database. */
    public String jdbcUrl() {
        return jdbcUrl(DATABASE);
    }

    /**
     * Returns the URL, with user and password, of a database, which need not exist.
     *
     * @throws IllegalArgumentException unless the name is 1 to 63 letters, digits, {@code _} and {@code -}
     */
    public String jdbcUrl(String database) {
        return databases().urlOf(database);
    }

    /**
     * Makes an empty database and returns its URL, with user and password.
     *
     * @throws IllegalArgumentException unless the name is 1 to 63 letters, digits, {@code _} and {@code -}
     * @throws PostgresException if there is one of that name already
     */
    public String createDatabase(String name) {
        return createDatabase(name, Databases.PRISTINE);
    }

    /**
     * Makes a database as a copy of another, which takes milliseconds while that one is small, and returns its URL,
     * with user and password. Sessions on the other are ended, since PostgreSQL copies nothing that is in use.
     *
     * @throws IllegalArgumentException unless the names are 1 to 63 letters, digits, {@code _} and {@code -}
     * @throws PostgresException if there is one of that name already, if there is no such template, or if others keep
     *     connecting to the template for 20 s
     */
    public String createDatabase(String name, String template) {
        return databases().create(name, template);
    }

    /** Drops a database, if it exists, and ends the sessions on it. */
    public void dropDatabase(String name) {
        databases().drop(name);
    }

    /** Tells whether there is a database of that name. */
    public boolean databaseExists(String name) {
        return databases().exists(name);
    }

    private Databases databases() {
        Databases connected = databases;
        if (closed || connected == null) {
            throw new IllegalStateException("This PostgreSQL is closed");
        }
        return connected;
    }

    /**
     * Returns what completes with the reason when the server is gone for good: when its process has died and cannot be
     * started again, or has died five times within ten minutes. Whatever depends on the server should end then, loudly.
     * It never completes if the server is closed first.
     *
     * <p>A process that dies otherwise is started again within seconds, at the same port, with all that was committed;
     * the log says so. Connections that it had break.
     */
    public CompletionStage<PostgresException> gone() {
        return gone.minimalCompletionStage();
    }

    private void watch() {
        Deque<Long> deaths = new ArrayDeque<>();
        while (!closeRequested && !gone.isDone()) {
            try {
                Thread.sleep(LOOK_INTERVAL.toMillis());
                if (!postmaster.isRunning()) {
                    bringBack(deaths);
                }
            } catch (InterruptedException e) {
                // To look whether it is closed.
            } catch (RuntimeException | Error e) {
                // Nothing else would notice that the server has died.
                tell(e);
            }
        }
    }

    private void tell(Throwable e) {
        try {
            LOG.error("Looking after PostgreSQL in {} failed unexpectedly and goes on", home(), e);
        } catch (RuntimeException | Error again) {
            // There may be no memory to say so.
        }
    }

    private void bringBack(Deque<Long> deaths) {
        synchronized (closing) {
            if (closeRequested) {
                return;
            }
            long diedAt = System.nanoTime();
            deaths.add(diedAt);
            while (diedAt - deaths.getFirst() > DEATHS_WITHIN.toNanos()) {
                deaths.removeFirst();
            }
            long pid = process().pid();
            if (deaths.size() >= MOST_DEATHS) {
                giveUp(new PostgresException(
                        Reason.NOT_STARTED,
                        "PostgreSQL in " + home() + " died " + deaths.size() + " times within "
                                + DEATHS_WITHIN.toMinutes() + " min and is not started again; see " + home()
                                + "/server.log"));
                return;
            }
            LOG.error("PostgreSQL {} in {} has died: starting it again", pid, home());
            try {
                postmaster.restart(port);
                LOG.warn(
                        "PostgreSQL runs again in {} as {}, after {} ms",
                        home(),
                        process().pid(),
                        Duration.ofNanos(System.nanoTime() - diedAt).toMillis());
            } catch (IOException | RuntimeException e) {
                restartFailed(pid, e);
            }
        }
    }

    private void restartFailed(long pid, Exception e) {
        // A close interrupts it; what may have been started by then is stopped in any case.
        boolean interrupted = Thread.interrupted();
        try {
            postmaster.stopOrphan();
        } catch (IOException | RuntimeException leftOver) {
            e.addSuppressed(leftOver);
        }
        if (!closeRequested && !interrupted) {
            giveUp(new PostgresException(
                    Reason.NOT_STARTED,
                    "PostgreSQL " + pid + " in " + home() + " has died and cannot be started again: " + e.getMessage(),
                    e));
        }
    }

    private void giveUp(PostgresException why) {
        LOG.error("{}", why.getMessage());
        gone.complete(why);
    }

    /** Returns the server's own process. */
    ProcessHandle process() {
        return Objects.requireNonNull(postmaster.process());
    }

    Path home() {
        return lock.folder();
    }

    /**
     * Stops the server, ends the sessions on it, and deletes its data if it is temporary. Takes at most 60 s; most
     * often a fraction of one. Once it is closed, a further call does nothing.
     *
     * @throws PostgresException if the server cannot be stopped, even by killing it
     */
    @Override
    public void close() {
        closeRequested = true;
        if (Thread.currentThread() != watcher) {
            watcher.interrupt(); // It may be starting the server again.
        }
        synchronized (closing) {
            if (closed) {
                return;
            }
            closed = true;
            removeShutdownHook();
            // What is to be done takes waiting and channels, both of which an interrupt would end.
            boolean interrupted = Thread.interrupted();
            try {
                stopAndCleanUp();
            } finally {
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }
    }

    private void stopAndCleanUp() {
        try {
            postmaster.stop();
            Files.deleteIfExists(home().resolve(CONNECTION));
            if (temporary) {
                Folders.deleteWhileInUse(home());
            }
        } catch (IOException e) {
            LOG.warn("Not all that PostgreSQL left in {} could be deleted", home(), e);
        } finally {
            try {
                lock.close();
            } catch (IOException e) {
                LOG.warn("The lock on {} could not be given back", home(), e);
            }
        }
    }

    private void removeShutdownHook() {
        Thread hook = shutdownHook;
        if (hook != null) {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException e) {
                // The JVM is shutting down, and this may be the hook.
            }
        }
    }

    /** Names version, address and folder; no password. */
    @Override
    public String toString() {
        return "PostgreSQL " + binaries.version() + " at " + Postmaster.ADDRESS + ":" + port + " in " + home();
    }
}
