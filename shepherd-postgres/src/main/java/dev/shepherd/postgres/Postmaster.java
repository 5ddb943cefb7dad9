package dev.shepherd.postgres;

import dev.shepherd.postgres.PostgresException.Reason;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The process of a server, and the data that it runs on, in a folder that its user has locked. Not safe for use by many
 * threads, except the check whether it runs.
 */
final class Postmaster {

    static final String USER = "postgres";
    static final String ADDRESS = "127.0.0.1";
    static final String PASSWORD = "password";

    /** Where a port that is free for now comes from; it may be taken by the time it is used. */
    @FunctionalInterface
    interface PortSource {
        int next() throws IOException;
    }

    private static final Logger LOG = LoggerFactory.getLogger(Postmaster.class);
    private static final String PID_FILE = "postmaster.pid";

    private static final Duration INIT_TIMEOUT = Duration.ofSeconds(120);
    private static final Duration TEMPORARY_START_TIMEOUT = Duration.ofSeconds(60);
    // Longer, since after a crash the server first replays its log.
    private static final Duration DURABLE_START_TIMEOUT = Duration.ofSeconds(180);
    private static final Duration FAST_STOP_TIMEOUT = Duration.ofSeconds(30);
    private static final Duration IMMEDIATE_STOP_TIMEOUT = Duration.ofSeconds(10);
    private static final Duration PROMOTE_TIMEOUT = Duration.ofSeconds(60);
    private static final Duration END_TIMEOUT = Duration.ofSeconds(10);
    private static final long END_POLL_MILLIS = 5;
    private static final Duration GRACE = Duration.ofSeconds(10);
    private static final int START_ATTEMPTS = 10;
    private static final long LARGE_LOG_BYTES = 8L << 20;

    private static final List<String> TEMPORARY_SETTINGS =
            List.of("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=256MB");
    // A commit waits for the standby's word that it has it. The log is kept for a standby that is being made.
    private static final List<String> REPLICATED_SETTINGS =
            List.of("fsync=off", "synchronous_commit=on", "hot_standby=on", "wal_level=replica", "wal_keep_size=1GB");
    private static final List<String> DURABLE_SETTINGS =
            List.of("fsync=on", "synchronous_commit=on", "full_page_writes=on");

    private final Path home;
    private final Path data;
    private final Path log;
    private final boolean temporary;
    private final List<String> settings;
    private final Binaries binaries;
    private final Account account;
    private volatile @Nullable ProcessHandle process;

    private Postmaster(Path home, boolean temporary, List<String> settings, Binaries binaries, Account account) {
        this.home = home;
        this.data = home.resolve("data");
        this.log = home.resolve("server.log");
        this.temporary = temporary;
        this.settings = settings;
        this.binaries = binaries;
        this.account = account;
    }

    /** Returns one whose data need not outlive anything, not running as yet. */
    static Postmaster temporary(Path home, Binaries binaries, Account account) {
        return new Postmaster(home, true, TEMPORARY_SETTINGS, binaries, account);
    }

    /** Returns one of a pair, whose data need not outlive a crash of the host, not running as yet. */
    static Postmaster replicated(Path home, Binaries binaries, Account account) {
        return new Postmaster(home, true, REPLICATED_SETTINGS, binaries, account);
    }

    /** Returns one whose data outlives a crash of the host, not running as yet. */
    static Postmaster durable(Path home, Binaries binaries, Account account) {
        return new Postmaster(home, false, DURABLE_SETTINGS, binaries, account);
    }

    /** Requires that the data, if there is any, is PostgreSQL's and of the version of the binaries. */
    void requireReadable() throws IOException {
        Path file = data.resolve("PG_VERSION");
        if (!Files.exists(file)) {
            if (Files.exists(data)) {
                throw new PostgresException(
                        Reason.FOLDER_NOT_OURS,
                        "The folder " + data + " is not PostgreSQL's; it was not touched: move it away, or choose"
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

    /** Starts the server, on data that is laid out first if there is none, and returns its port. */
    int start(PortSource ports) throws IOException {
        requireQuotable(home);
        requireQuotable(Path.of(binaries.program("postgres")));
        account.own(home);
        if (!Files.exists(data)) {
            initialize();
        }
        keepPrivate(data, "rwx------");
        keepPrivate(home.resolve(PASSWORD), "rw-------");
        rotateLog();
        Duration timeout = temporary ? TEMPORARY_START_TIMEOUT : DURABLE_START_TIMEOUT;
        long start = System.nanoTime();
        for (int attempt = 1; ; attempt++) {
            long left = timeout.toSeconds()
                    - Duration.ofNanos(System.nanoTime() - start).toSeconds();
            long logged = Files.size(log);
            int port = ports.next();
            Commands.Result result = run(
                    Duration.ofSeconds(Math.max(1, left)).plus(GRACE),
                    List.of(
                            binaries.program("pg_ctl"),
                            "start",
                            "-D",
                            data.toString(),
                            "-l",
                            log.toString(),
                            "-o",
                            options(port),
                            "-w",
                            "-t",
                            Long.toString(Math.max(1, left))));
            process = named().filter(Postmaster::isRunning).orElse(null);
            if (result.succeeded() && process != null) {
                return port;
            }
            stop();
            String said = Commands.tail(log, logged);
            // Another process may have taken the port in the meantime.
            boolean portTaken = said.contains("could not bind") || said.contains("could not create any TCP/IP sockets");
            // The children of a server that was killed may take a moment to see it.
            boolean childrenLeft = said.contains("shared memory block");
            if (left <= 0 || !childrenLeft && (!portTaken || attempt == START_ATTEMPTS)) {
                throw new PostgresException(
                        Reason.NOT_STARTED,
                        "PostgreSQL did not start in " + home
                                + (left <= 0 || result.timedOut() ? " within " + timeout.toSeconds() + " s" : "")
                                + ". " + log + " ends with:\n" + (said.isEmpty() ? result.output() : said));
            }
            LOG.debug("PostgreSQL did not start in {} at attempt {}: {}", home, attempt, said);
        }
    }

    /**
     * Takes access away that others were given meanwhile, as by Kubernetes, which opens a volume to the group of a pod
     * at each mount: PostgreSQL does not start on data that others can write to.
     */
    private static void keepPrivate(Path path, String permissions) {
        try {
            Folders.setPermissions(path, permissions);
        } catch (IOException e) {
            // As where it is another user's. PostgreSQL says what it cannot live with.
            LOG.debug("The permissions of {} cannot be set to {}", path, permissions, e);
        }
    }

    /** The command line that starts the server passes through a shell, which would read these. */
    static void requireQuotable(Path path) {
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
                            + result.output()
                            + (result.output().contains("could not look up effective user ID")
                                    ? "\nThis user id has no name, and no user namespace (unshare -U) can be had: give"
                                            + " it a line in /etc/passwd, or use a PostgreSQL of your own"
                                    : ""));
        }
        Files.move(next, data, StandardCopyOption.ATOMIC_MOVE);
    }

    private void rotateLog() throws IOException {
        if (Files.exists(log) && Files.size(log) > LARGE_LOG_BYTES) {
            Files.move(log, home.resolve("server.log.1"), StandardCopyOption.REPLACE_EXISTING);
        }
        if (!Files.exists(log)) {
            Files.createFile(log, Folders.privateFile());
        }
        account.own(log);
    }

    private String options(int port) {
        StringBuilder options = new StringBuilder();
        options.append("-p ").append(port);
        options.append(" -c listen_addresses=").append(ADDRESS);
        // Sockets in the file system would need a short path, and no client uses them.
        options.append(" -c unix_socket_directories=");
        for (String setting : settings) {
            options.append(" -c ").append(setting);
        }
        return options.toString();
    }

    static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName(ADDRESS))) {
            return socket.getLocalPort();
        }
    }

    private Commands.Result run(Duration timeout, List<String> command) {
        Path output = home.resolve("command.log");
        try {
            return Commands.run(account, home, output, timeout, command);
        } finally {
            deleteQuietly(output);
        }
    }

    private static void deleteQuietly(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            LOG.debug("{} cannot be deleted", file, e);
        }
    }

    /** Returns the process that the data names as its server, even if that process is another one by now. */
    private Optional<ProcessHandle> named() throws IOException {
        Path file = data.resolve(PID_FILE);
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

    /** A dead process that no parent waits for, as in a container without an init, still counts as alive for Java. */
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

    /** Stops the server that a process left running on this data when it was killed. */
    void stopOrphan() throws IOException {
        ProcessHandle orphan = named().orElse(null);
        if (orphan == null) {
            // If there was one that is gone, PostgreSQL sees that itself, and whether all its children are.
            return;
        }
        if (!isRunning(orphan) || !isOurs(orphan)) {
            // It is gone, but its number is not, which PostgreSQL would take for a server that runs.
            Files.deleteIfExists(data.resolve(PID_FILE));
            return;
        }
        LOG.info("Stopping the PostgreSQL {} that a process left running in {}", orphan.pid(), home);
        process = orphan;
        stop();
        process = null;
    }

    /** Tells whether a process is the server of this data rather than one that got its number later. */
    private boolean isOurs(ProcessHandle candidate) {
        ProcessHandle.Info info = candidate.info();
        Optional<String> name =
                info.command().map(command -> Path.of(command).getFileName()).map(Path::toString);
        if (name.isPresent() && !name.get().startsWith("postgres")) {
            return false;
        }
        try {
            return Path.of("/proc/" + candidate.pid() + "/cwd").toRealPath().equals(data.toRealPath());
        } catch (IOException e) {
            // Not Linux, or not for us to see.
        }
        Optional<String[]> arguments = info.arguments();
        if (name.isPresent() && arguments.isPresent()) {
            return List.of(arguments.get()).contains(data.toString());
        }
        throw new PostgresException(
                Reason.FOLDER_IN_USE,
                "The folder " + home + " is in use by the process " + candidate.pid()
                        + ", which may be its PostgreSQL: stop it, or remove " + data.resolve(PID_FILE)
                        + " if it is something else");
    }

    /** Makes a standby the primary. */
    void promote() {
        Commands.Result result = run(
                PROMOTE_TIMEOUT.plus(GRACE),
                List.of(
                        binaries.program("pg_ctl"),
                        "promote",
                        "-D",
                        data.toString(),
                        "-w",
                        "-t",
                        Long.toString(PROMOTE_TIMEOUT.toSeconds())));
        if (!result.succeeded()) {
            throw new PostgresException(
                    Reason.NOT_STARTED, "The standby in " + home + " cannot be promoted: " + result.output());
        }
    }

    /** Ends the server, if it runs, without letting it write anything more: what a crash does. */
    void crash() {
        ProcessHandle running = process;
        if (running != null && isRunning(running)) {
            // The children see at once that their parent is gone; killed with it, none can answer a client.
            List<ProcessHandle> children = running.descendants().toList();
            running.destroyForcibly();
            children.forEach(ProcessHandle::destroyForcibly);
            if (!ends(running) || !children.stream().allMatch(Postmaster::ends)) {
                throw new PostgresException(
                        Reason.NOT_STOPPED, "PostgreSQL " + running.pid() + " in " + home + " does not end");
            }
        }
    }

    /** Stops the server, if it runs: politely, then at once, then by force. */
    void stop() {
        ProcessHandle running = process;
        if (running == null || !isRunning(running)) {
            return;
        }
        boolean told = stop("fast", FAST_STOP_TIMEOUT) || stop("immediate", IMMEDIATE_STOP_TIMEOUT);
        // The server says that it has stopped a moment before its process ends.
        if (!told || !ends(running)) {
            kill(running);
        }
    }

    private static boolean ends(ProcessHandle running) {
        long start = System.nanoTime();
        while (isRunning(running)) {
            if (System.nanoTime() - start > END_TIMEOUT.toNanos()) {
                return false;
            }
            try {
                Thread.sleep(END_POLL_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return !isRunning(running);
            }
        }
        return true;
    }

    private boolean stop(String mode, Duration timeout) {
        Commands.Result result;
        try {
            result = run(
                    timeout.plus(GRACE),
                    List.of(
                            binaries.program("pg_ctl"),
                            "stop",
                            "-D",
                            data.toString(),
                            "-m",
                            mode,
                            "-w",
                            "-t",
                            Long.toString(timeout.toSeconds())));
        } catch (PostgresException e) {
            // As when the folder has been deleted.
            LOG.debug("PostgreSQL in {} cannot be told to stop", home, e);
            return false;
        }
        if (!result.succeeded()) {
            LOG.debug("PostgreSQL in {} did not stop in mode {}: {}", home, mode, result.output());
        }
        return result.succeeded();
    }

    private void kill(ProcessHandle running) {
        LOG.warn("PostgreSQL {} in {} does not stop: killing it", running.pid(), home);
        List<ProcessHandle> children = running.descendants().toList();
        running.destroyForcibly();
        children.forEach(ProcessHandle::destroyForcibly);
        if (!ends(running)) {
            throw new PostgresException(
                    Reason.NOT_STOPPED,
                    "PostgreSQL " + running.pid() + " in " + home + " does not even stop when killed");
        }
    }

    /** Tells whether the server that was started runs. */
    boolean isRunning() {
        ProcessHandle running = process;
        return running != null && isRunning(running);
    }

    /**
     * Starts the server again after its process has died, at the same port. Its children see that it is gone, and end;
     * what is left of them is killed, since two servers must never write to the same data.
     */
    void restart(int port) throws IOException {
        killLeft();
        stopOrphan();
        start(() -> port);
    }

    private void killLeft() throws IOException {
        Path real = data.toRealPath();
        List<ProcessHandle> left = ProcessHandle.allProcesses()
                .filter(candidate -> isPostgresIn(candidate, real))
                .toList();
        left.forEach(ProcessHandle::destroyForcibly);
        if (!left.stream().allMatch(Postmaster::ends)) {
            throw new PostgresException(
                    Reason.NOT_STARTED, "Processes of the PostgreSQL that died in " + home + " do not end: " + left);
        }
    }

    private static boolean isPostgresIn(ProcessHandle candidate, Path folder) {
        if (candidate
                .info()
                .command()
                .filter(command -> Path.of(command).getFileName().toString().startsWith("postgres"))
                .isEmpty()) {
            return false;
        }
        try {
            return Path.of("/proc/" + candidate.pid() + "/cwd").toRealPath().equals(folder);
        } catch (IOException e) {
            return false; // Not Linux, gone, or not for us to see.
        }
    }

    /** Returns the process, or null if none was started. */
    @Nullable
    ProcessHandle process() {
        return process;
    }
}
