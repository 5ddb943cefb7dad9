package dev.shepherd.postgres;

import dev.shepherd.postgres.PostgresException.Reason;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A PostgreSQL server that this process started and owns, from binaries on the class path.
 *
 * <p>It listens on 127.0.0.1 only, at a port that the system chooses at each start, and lets in nobody but the user
 * {@code postgres} with a password of its own that was drawn at random; the URLs carry both. Its time zone is UTC, its
 * encoding UTF-8, and text sorts by code point. It takes up to 300 connections.
 *
 * <p>It runs as root too: PostgreSQL refuses to, so on Linux it is then put into a user namespace of its own or, where
 * none can be made, as in most containers, under the account {@code postgres} or else {@code nobody}.
 *
 * <p>A folder given to {@link #startIn} holds:
 * <ul>
 *   <li>{@code data}: the data;
 *   <li>{@code connection}: while the server runs, a URL for {@code psql "$(cat connection)"};
 *   <li>{@code password}: the password;
 *   <li>{@code postgres.lock}: locked by the process that runs the server, and names it;
 *   <li>{@code server.log}: the server's log, which is kept out of this process's; {@code server.log.1} is the one
 *       before, from which a start moves on when it has outgrown 8 MiB;
 *   <li>{@code binaries-…}: PostgreSQL itself, about 60 MB. It is not kept in a shared temporary folder, which may
 *       be swept while a server runs or forbid programs.
 * </ul>
 * Settings may be added to {@code data/postgresql.conf}; port, address and what makes writes durable are given on the
 * command line and win.
 *
 * <p>Temporary servers keep all that below {@code java.io.tmpdir} in {@code shepherd-postgres-<user>}, share one copy
 * of the binaries there, and clear away what killed processes left. The system property
 * {@code shepherd.postgres.tmpdir} names another folder than {@code java.io.tmpdir}, such as when that forbids
 * programs, or one in memory, where databases are made several times faster.
 *
 * <p>Instances are safe for use by many threads.
 */
public final class PostgresServer implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(PostgresServer.class);

    static final String TMPDIR_PROPERTY = "shepherd.postgres.tmpdir";

    private static final String USER = "postgres";
    private static final String DATABASE = "postgres";
    private static final String ADDRESS = "127.0.0.1";

    private static final String PASSWORD = "password";
    private static final String CONNECTION = "connection";
    private static final String POSTMASTER = "postmaster.pid";

    private static final Duration INIT_TIMEOUT = Duration.ofSeconds(120);
    private static final Duration TEMPORARY_START_TIMEOUT = Duration.ofSeconds(60);
    // Longer, since after a crash the server first replays its log.
    private static final Duration DURABLE_START_TIMEOUT = Duration.ofSeconds(180);
    private static final Duration FAST_STOP_TIMEOUT = Duration.ofSeconds(30);
    private static final Duration IMMEDIATE_STOP_TIMEOUT = Duration.ofSeconds(10);
    private static final Duration KILL_TIMEOUT = Duration.ofSeconds(10);
    private static final Duration GRACE = Duration.ofSeconds(10);
    private static final int START_ATTEMPTS = 10;
    private static final long LARGE_LOG_BYTES = 8L << 20;
    private static final Duration ABANDONED_AFTER = Duration.ofHours(1);

    private static final List<String> TEMPORARY_SETTINGS =
            List.of("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=256MB");
    private static final List<String> DURABLE_SETTINGS =
            List.of("fsync=on", "synchronous_commit=on", "full_page_writes=on");

    private final Path home;
    private final boolean temporary;
    private final FolderLock lock;
    private final Binaries binaries;
    private final Account account;
    private final PortSource ports;
    private final Object closing = new Object();

    private volatile boolean closed;
    private volatile int port;
    private volatile @Nullable ProcessHandle postmaster;
    private volatile @Nullable Databases databases;
    private volatile @Nullable Thread shutdownHook;

    /** Where a port that is free for now comes from; it may be taken by the time it is used. */
    @FunctionalInterface
    interface PortSource {
        int next() throws IOException;
    }

    private PostgresServer(
            Path home, boolean temporary, FolderLock lock, Binaries binaries, Account account, PortSource ports) {
        this.home = home;
        this.temporary = temporary;
        this.lock = lock;
        this.binaries = binaries;
        this.account = account;
        this.ports = ports;
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
        return startTemporary(Account.current(), PostgresServer::freePort);
    }

    static PostgresServer startTemporary(Account account, PortSource ports) {
        try {
            Path work = workFolder(account);
            Path all = work.resolve("temporary");
            createFolder(all);
            open(all, account);
            Binaries binaries = Binaries.in(work, account);
            sweep(all, binaries, account);
            FolderLock lock = newTemporary(all);
            return start(new PostgresServer(lock.folder(), true, lock, binaries, account, ports));
        } catch (IOException e) {
            throw new PostgresException(Reason.NOT_STARTED, "No temporary PostgreSQL can be started: " + e, e);
        }
    }

    /**
     * Starts a server whose data stays in a folder and survives a restart and a crash. One process at a time may do
     * so; it holds the folder until the server is closed.
     *
     * <p>The folder is made, with access for its owner only, if it does not exist. If a killed process left its
     * server running on it, that one is stopped first. A start takes at most 180 s, since the server may have a log to
     * replay. No hook stops the server when the JVM exits, as it would then vanish from under whatever else is shutting
     * down: close it. One that was not closed runs on until the next start.
     *
     * @param folder a folder for nothing else, empty or one that this method was given before
     * @throws PostgresException with {@link Reason#FOLDER_IN_USE} if a process holds the folder, with
     *     {@link Reason#FOLDER_NOT_OURS} if it holds anything else, which is not touched, with
     *     {@link Reason#OTHER_VERSION} if its data is that of another major version of PostgreSQL, and with
     *     {@link Reason#NOT_STARTED} if the server does not start, where the message ends with the end of its log
     */
    public static PostgresServer startIn(Path folder) {
        return startIn(folder, Account.current(), PostgresServer::freePort);
    }

    static PostgresServer startIn(Path folder, Account account, PortSource ports) {
        Path home = Objects.requireNonNull(folder, "folder").toAbsolutePath().normalize();
        try {
            if (Files.exists(home, LinkOption.NOFOLLOW_LINKS)) {
                requireOurs(home);
            } else {
                Path parent = home.getParent();
                if (parent != null) {
                    Files.createDirectories(parent);
                }
                try {
                    Files.createDirectory(home, Folders.privateFolder());
                } catch (FileAlreadyExistsException e) {
                    requireOurs(home);
                }
            }
            home = home.toRealPath();
            FolderLock lock = FolderLock.acquire(home);
            try {
                account.own(home);
                Binaries binaries = Binaries.in(home, account);
                PostgresServer server = new PostgresServer(home, false, lock, binaries, account, ports);
                server.requireReadable();
                server.stopOrphan();
                binaries.deleteOthers();
                return start(server);
            } catch (RuntimeException | IOException e) {
                lock.close();
                throw e;
            }
        } catch (IOException e) {
            throw new PostgresException(Reason.NOT_STARTED, "PostgreSQL cannot be started in " + folder + ": " + e, e);
        }
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
                || Files.isRegularFile(home.resolve(PASSWORD))
                        && Files.isRegularFile(home.resolve("data").resolve("PG_VERSION"));
        if (!ours && !Folders.list(home).isEmpty()) {
            throw new PostgresException(
                    Reason.FOLDER_NOT_OURS,
                    "The folder " + home + " holds something else than PostgreSQL's data; it was not touched: choose an"
                            + " empty folder");
        }
    }

    private void requireReadable() throws IOException {
        Path file = data().resolve("PG_VERSION");
        if (!Files.exists(file)) {
            if (Files.exists(data())) {
                throw new PostgresException(
                        Reason.FOLDER_NOT_OURS,
                        "The folder " + data() + " is not PostgreSQL's; it was not touched: move it away, or choose"
                                + " another folder than " + home);
            }
            return;
        }
        String found = Files.readString(file).strip();
        if (!found.equals(Integer.toString(binaries.major()))) {
            throw new PostgresException(
                    Reason.OTHER_VERSION,
                    "The folder " + home + " holds data of PostgreSQL " + found + ", which this PostgreSQL "
                            + binaries.version() + " cannot read: choose another folder, or carry the data over with"
                            + " the pg_dumpall of PostgreSQL " + found);
        }
    }

    private static Path workFolder(Account account) throws IOException {
        String parent = System.getProperty(TMPDIR_PROPERTY, System.getProperty("java.io.tmpdir"));
        String user = System.getProperty("user.name", "").replaceAll("[^A-Za-z0-9._-]", "_");
        Path work = Path.of(parent).toAbsolutePath().resolve("shepherd-postgres-" + user);
        createFolder(work);
        // The folder may lie where everybody can write, and programs are run from it.
        Path own = Files.createTempFile(work, "owner", ".tmp");
        try {
            boolean safe = Files.isDirectory(work, LinkOption.NOFOLLOW_LINKS)
                    && Files.getOwner(work, LinkOption.NOFOLLOW_LINKS).equals(Files.getOwner(own));
            if (!safe) {
                throw new PostgresException(
                        Reason.NOT_STARTED,
                        "The folder " + work + " belongs to somebody else: remove it, or name another parent in the"
                                + " system property " + TMPDIR_PROPERTY);
            }
            open(work, account);
        } finally {
            Files.delete(own);
        }
        return work.toRealPath();
    }

    private static void createFolder(Path folder) throws IOException {
        Path parent = folder.getParent();
        if (parent != null) {
            Files.createDirectories(parent);
        }
        try {
            Files.createDirectory(folder, Folders.privateFolder());
        } catch (FileAlreadyExistsException e) {
            // An earlier server's, or another process's.
        }
    }

    /** Lets the account pass through a folder; nobody else need. */
    private static void open(Path folder, Account account) throws IOException {
        Folders.setPermissions(folder, account.isOther() ? "rwx--x--x" : "rwx------");
    }

    private static FolderLock newTemporary(Path all) throws IOException {
        while (true) {
            String name = ProcessHandle.current().pid() + "-" + UUID.randomUUID();
            FolderLock lock = FolderLock.tryAcquire(Files.createDirectory(all.resolve(name), Folders.privateFolder()));
            if (lock != null) {
                return lock;
            }
            // Another process's sweep took it before it was locked.
        }
    }

    /** Stops and deletes the temporary servers of processes that were killed. */
    private static void sweep(Path all, Binaries binaries, Account account) {
        String own = ProcessHandle.current().pid() + "-";
        try {
            for (Path home : Folders.list(all)) {
                if (!home.getFileName().toString().startsWith(own)) {
                    clearAway(home, binaries, account);
                }
            }
        } catch (IOException e) {
            LOG.debug("What killed processes left in {} cannot be cleared away", all, e);
        }
    }

    private static void clearAway(Path home, Binaries binaries, Account account) {
        try {
            boolean young = !Files.exists(home.resolve(FolderLock.FILE))
                    && Files.getLastModifiedTime(home)
                            .toInstant()
                            .isAfter(Instant.now().minus(ABANDONED_AFTER));
            FolderLock lock = young ? null : FolderLock.tryAcquire(home);
            if (lock != null) {
                try (lock) {
                    new PostgresServer(home, true, lock, binaries, account, PostgresServer::freePort).stopOrphan();
                    Folders.deleteWhileInUse(home);
                    LOG.debug("Cleared away {}, which a killed process left", home);
                }
            }
        } catch (IOException | RuntimeException e) {
            LOG.debug("What a killed process left in {} cannot be cleared away", home, e);
        }
    }

    private static PostgresServer start(PostgresServer server) {
        boolean started = false;
        try {
            server.start();
            started = true;
            return server;
        } catch (IOException e) {
            throw new PostgresException(
                    Reason.NOT_STARTED, "PostgreSQL cannot be started in " + server.home + ": " + e, e);
        } finally {
            if (!started) {
                server.abandon();
            }
        }
    }

    private void start() throws IOException {
        long start = System.nanoTime();
        requireQuotable(home);
        requireQuotable(Path.of(binaries.program("postgres")));
        account.own(home);
        if (!Files.exists(data())) {
            initialize();
        }
        Path passwordFile = home.resolve(PASSWORD);
        if (!Files.exists(passwordFile)) {
            throw new PostgresException(
                    Reason.NOT_STARTED, "The file " + passwordFile + ", with the password of the data, is missing");
        }
        String password = Files.readString(passwordFile).strip();
        rotateLog();
        startPostmaster();
        String path =
                "postgresql://" + ADDRESS + ":" + port + "/" + DATABASE + "?user=" + USER + "&password=" + password;
        Databases connected = new Databases("jdbc:" + path);
        connected.version();
        databases = connected;
        Folders.writePrivately(home.resolve(CONNECTION), path + "\n");
        if (temporary) {
            Thread hook = new Thread(this::close, "shepherd-postgres-closer");
            try {
                Runtime.getRuntime().addShutdownHook(hook);
            } catch (IllegalStateException e) {
                throw new PostgresException(Reason.NOT_STARTED, "The JVM is shutting down", e);
            }
            shutdownHook = hook;
        }
        LOG.debug(
                "PostgreSQL {} listens at {}:{} in {}, started in {} ms",
                binaries.version(),
                ADDRESS,
                port,
                home,
                Duration.ofNanos(System.nanoTime() - start).toMillis());
    }

    /** The command line that starts the server passes through a shell, which would read these. */
    private static void requireQuotable(Path path) {
        if (Folders.POSIX && path.toString().chars().anyMatch(c -> "\"$`\\\n".indexOf(c) >= 0)) {
            throw new PostgresException(
                    Reason.NOT_STARTED, "PostgreSQL cannot live in " + path + ": a path with \", $, ` or \\");
        }
    }

    /** Lays out the data beside its place and then moves it there, so that it is whole or not there. */
    private void initialize() throws IOException {
        Path next = home.resolve("data.new");
        Folders.delete(next);
        Path passwordFile = home.resolve(PASSWORD);
        Folders.writePrivately(passwordFile, Passwords.random() + "\n");
        account.own(passwordFile);
        List<String> command = new ArrayList<>(List.of(
                binaries.program("initdb"),
                "--pgdata=" + next,
                "--username=" + USER,
                "--auth=scram-sha-256",
                "--pwfile=" + passwordFile,
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-instructions"));
        if (temporary) {
            command.add("--no-sync");
        }
        // A random password of 192 bits gains nothing by a slow hash, which each new connection would pay for.
        for (String setting : List.of(
                "scram_iterations=1",
                "max_connections=300",
                "shared_buffers=64MB",
                "timezone=UTC",
                "log_timezone=UTC",
                "log_checkpoints=off",
                "log_line_prefix=%m [%p] %q%d ")) {
            command.add("--set");
            command.add(setting);
        }
        Commands.Result result = run(INIT_TIMEOUT, command);
        if (!result.succeeded()) {
            throw new PostgresException(
                    Reason.NOT_STARTED,
                    "PostgreSQL's data cannot be laid out in " + home + ": initdb "
                            + (result.timedOut() ? "took over " + INIT_TIMEOUT.toSeconds() + " s" : "failed") + ":\n"
                            + result.output());
        }
        Files.move(next, data(), StandardCopyOption.ATOMIC_MOVE);
    }

    private void rotateLog() throws IOException {
        Path log = log();
        if (Files.exists(log) && Files.size(log) > LARGE_LOG_BYTES) {
            Files.move(log, home.resolve("server.log.1"), StandardCopyOption.REPLACE_EXISTING);
        }
        if (!Files.exists(log)) {
            Files.createFile(log, Folders.privateFile());
        }
        account.own(log);
    }

    private void startPostmaster() throws IOException {
        Duration timeout = temporary ? TEMPORARY_START_TIMEOUT : DURABLE_START_TIMEOUT;
        long start = System.nanoTime();
        for (int attempt = 1; ; attempt++) {
            long left = timeout.toSeconds()
                    - Duration.ofNanos(System.nanoTime() - start).toSeconds();
            long logged = Files.size(log());
            port = ports.next();
            Commands.Result result = run(
                    Duration.ofSeconds(Math.max(1, left)).plus(GRACE),
                    List.of(
                            binaries.program("pg_ctl"),
                            "start",
                            "-D",
                            data().toString(),
                            "-l",
                            log().toString(),
                            "-o",
                            options(),
                            "-w",
                            "-t",
                            Long.toString(Math.max(1, left))));
            postmaster = postmaster().filter(PostgresServer::isRunning).orElse(null);
            if (result.succeeded() && postmaster != null) {
                return;
            }
            stopPostmaster();
            String said = Commands.tail(log(), logged);
            // Another process may have taken the port in the meantime.
            boolean portTaken = said.contains("could not bind") || said.contains("could not create any TCP/IP sockets");
            // The children of a server that was killed may take a moment to see it.
            boolean childrenLeft = said.contains("shared memory block");
            if (left <= 0 || !childrenLeft && (!portTaken || attempt == START_ATTEMPTS)) {
                throw new PostgresException(
                        Reason.NOT_STARTED,
                        "PostgreSQL did not start in " + home
                                + (left <= 0 || result.timedOut() ? " within " + timeout.toSeconds() + " s" : "")
                                + ". " + log() + " ends with:\n" + (said.isEmpty() ? result.output() : said));
            }
            LOG.debug("PostgreSQL did not start in {} at attempt {}: {}", home, attempt, said);
        }
    }

    private String options() {
        StringBuilder options = new StringBuilder();
        options.append("-p ").append(port);
        options.append(" -c listen_addresses=").append(ADDRESS);
        // Sockets in the file system would need a short path, and nobody asks for them.
        options.append(" -c unix_socket_directories=");
        for (String setting : temporary ? TEMPORARY_SETTINGS : DURABLE_SETTINGS) {
            options.append(" -c ").append(setting);
        }
        return options.toString();
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName(ADDRESS))) {
            return socket.getLocalPort();
        }
    }

    private Commands.Result run(Duration timeout, List<String> command) {
        return Commands.run(account, home, home.resolve("command.log"), timeout, command);
    }

    private Path data() {
        return home.resolve("data");
    }

    private Path log() {
        return home.resolve("server.log");
    }

    /** Returns the process that the data names as its server, whatever that process is now. */
    private Optional<ProcessHandle> postmaster() throws IOException {
        Path file = data().resolve(POSTMASTER);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            return ProcessHandle.of(
                    Long.parseLong(Files.readAllLines(file).get(0).strip()));
        } catch (IndexOutOfBoundsException | NumberFormatException e) {
            return Optional.empty();
        }
    }

    /** A dead process that nobody waits for, as in a container without an init, still counts as alive for Java. */
    static boolean isRunning(ProcessHandle process) {
        if (!process.isAlive()) {
            return false;
        }
        try {
            String stat = Files.readString(Path.of("/proc/" + process.pid() + "/stat"));
            int name = stat.lastIndexOf(')');
            return !stat.startsWith(" Z", name + 1) && !stat.startsWith(" X", name + 1);
        } catch (IOException e) {
            return process.isAlive();
        }
    }

    /** Stops the server that a process left running on this folder when it was killed. */
    private void stopOrphan() throws IOException {
        ProcessHandle process = postmaster().orElse(null);
        if (process == null) {
            // If there was one that is gone, PostgreSQL sees that itself, and whether all its children are.
            return;
        }
        if (!isRunning(process) || !isOurs(process)) {
            // It is gone, but its number is not, which PostgreSQL would take for a server that runs.
            Files.deleteIfExists(data().resolve(POSTMASTER));
            return;
        }
        LOG.info("Stopping the PostgreSQL {} that a process left running in {}", process.pid(), home);
        postmaster = process;
        stopPostmaster();
        postmaster = null;
    }

    /** Tells whether a process is the server of this data rather than one that got its number later. */
    private boolean isOurs(ProcessHandle process) {
        ProcessHandle.Info info = process.info();
        Optional<String> name =
                info.command().map(command -> Path.of(command).getFileName()).map(Path::toString);
        if (name.isPresent() && !name.get().startsWith("postgres")) {
            return false;
        }
        try {
            return Path.of("/proc/" + process.pid() + "/cwd").toRealPath().equals(data().toRealPath());
        } catch (IOException e) {
            // Not Linux, or not for us to see.
        }
        Optional<String[]> arguments = info.arguments();
        if (name.isPresent() && arguments.isPresent()) {
            return List.of(arguments.get()).contains(data().toString());
        }
        throw new PostgresException(
                Reason.FOLDER_IN_USE,
                "The folder " + home + " is in use by the process " + process.pid()
                        + ", which may be its PostgreSQL: stop it, or remove " + data().resolve(POSTMASTER)
                        + " if it is something else");
    }

    /** Stops the server: politely, then at once, then by force. */
    private void stopPostmaster() {
        ProcessHandle process = postmaster;
        if (process == null || !isRunning(process)) {
            return;
        }
        if (!stop("fast", FAST_STOP_TIMEOUT) && !stop("immediate", IMMEDIATE_STOP_TIMEOUT)) {
            kill(process);
        }
    }

    private boolean stop(String mode, Duration timeout) {
        Commands.Result result = run(
                timeout.plus(GRACE),
                List.of(
                        binaries.program("pg_ctl"),
                        "stop",
                        "-D",
                        data().toString(),
                        "-m",
                        mode,
                        "-w",
                        "-t",
                        Long.toString(timeout.toSeconds())));
        if (!result.succeeded()) {
            LOG.debug("PostgreSQL in {} did not stop in mode {}: {}", home, mode, result.output());
        }
        return result.succeeded();
    }

    private void kill(ProcessHandle process) {
        LOG.warn("PostgreSQL {} in {} does not stop: killing it", process.pid(), home);
        List<ProcessHandle> children = process.descendants().toList();
        process.destroyForcibly();
        children.forEach(ProcessHandle::destroyForcibly);
        try {
            process.onExit().get(KILL_TIMEOUT.toSeconds(), TimeUnit.SECONDS);
        } catch (TimeoutException | ExecutionException e) {
            if (isRunning(process)) {
                throw new PostgresException(
                        Reason.NOT_STOPPED,
                        "PostgreSQL " + process.pid() + " in " + home + " does not even stop when killed",
                        e);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Gives everything back after a start that failed; that failure is what the caller hears of. */
    private void abandon() {
        try {
            close();
        } catch (RuntimeException e) {
            LOG.warn("What a failed start left in {} could not be cleared away", home, e);
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

    /** Returns the server's own process. */
    ProcessHandle process() {
        return Objects.requireNonNull(postmaster);
    }

    Path home() {
        return home;
    }

    String version() {
        return binaries.version();
    }

    /**
     * Stops the server, ends the sessions on it, and deletes its data if it is temporary. Takes at most 60 s; most
     * often a fraction of one. Once it is closed, a further call does nothing.
     *
     * @throws PostgresException if the server cannot be stopped, even by killing it
     */
    @Override
    public void close() {
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
            stopPostmaster();
            Files.deleteIfExists(home.resolve(CONNECTION));
            Files.deleteIfExists(home.resolve("command.log"));
            if (temporary) {
                Folders.deleteWhileInUse(home);
            }
        } catch (IOException e) {
            LOG.warn("Not all that PostgreSQL left in {} could be deleted", home, e);
        } finally {
            try {
                lock.close();
            } catch (IOException e) {
                LOG.warn("The lock on {} could not be given back", home, e);
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
        return "PostgreSQL " + binaries.version() + " at " + ADDRESS + ":" + port + " in " + home;
    }
}
