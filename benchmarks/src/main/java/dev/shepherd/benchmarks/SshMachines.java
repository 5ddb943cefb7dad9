package dev.shepherd.benchmarks;

import dev.shepherd.manager.takeover.SshCredentials;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Machines that are ports of OpenSSH's own server on the loopback address, run as the current user with nothing but its
 * own files, each machine with a folder of its own that the agent is put into. All of it, and what it was given to own,
 * ends when this is closed or the JVM ends. Not safe for several threads.
 */
final class SshMachines implements AutoCloseable {

    /** OpenSSH before 10 listens at no more sockets than that; more machines take more processes. */
    private static final int PORTS = 16;

    private static final String USER = System.getProperty("user.name");
    private static final long START_SECONDS = 30;
    private static final long END_SECONDS = 10;
    private static final long LOOK_MILLIS = 20;
    private static final int DELETIONS = 5;

    /**
     * One machine.
     *
     * @param port where its server listens
     * @param folder its own folder
     * @param agent where the agent is put
     */
    record Machine(int port, Path folder, Path agent) {}

    private final Path folder;
    private final List<Machine> machines = new ArrayList<>();
    private final List<Process> servers = new ArrayList<>();
    private final SshCredentials credentials;
    private final Object lock = new Object();
    private final List<Process> owned = new ArrayList<>();
    private final Thread hook = new Thread(this::end, "ssh-machines-shutdown");
    private @Nullable Process watcher;
    private boolean ended;

    private SshMachines(Path folder) {
        this.folder = folder;
        this.credentials = SshCredentials.generateIfAbsent(keyFile());
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /** Finds the server, which is seldom on an ordinary user's path. */
    static Optional<Path> sshd() {
        return Stream.concat(
                        Stream.of(Optional.ofNullable(System.getenv("PATH"))
                                .orElse("")
                                .split(File.pathSeparator)),
                        Stream.of("/usr/sbin", "/usr/local/sbin", "/usr/lib/ssh"))
                .map(directory -> Path.of(directory, "sshd"))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /**
     * Starts some.
     *
     * @param count how many machines
     * @param sftp what serves SFTP: a command, or {@code internal-sftp}
     */
    static SshMachines start(int count, String sftp) throws IOException, InterruptedException {
        Path sshd = sshd().orElseThrow(() -> new IllegalStateException(
                "there is no sshd of OpenSSH on this machine: install it (openssh-server); it need not run"));
        SshMachines machines = new SshMachines(
                Files.createTempDirectory("shepherd-benchmark-ssh").toRealPath());
        try {
            machines.startServers(sshd, count, sftp);
            return machines;
        } catch (Throwable e) {
            machines.close();
            throw e;
        }
    }

    private void startServers(Path sshd, int count, String sftp) throws IOException, InterruptedException {
        if (USER.equals("root")) {
            // Where it locks itself up until a user has logged in. It insists on that folder, however it is configured.
            Files.createDirectories(Path.of("/run/sshd"));
        }
        Process keygen = new ProcessBuilder(
                        "ssh-keygen",
                        "-q",
                        "-t",
                        "ed25519",
                        "-N",
                        "",
                        "-f",
                        folder.resolve("host_key").toString())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        if (keygen.waitFor() != 0) {
            throw new IOException("ssh-keygen cannot make a host key: exit code " + keygen.exitValue());
        }
        Files.writeString(
                folder.resolve("authorized_keys"), credentials.publicKey().orElseThrow() + "\n");
        for (int port : freePorts(count)) {
            Path own = Files.createDirectories(folder.resolve("machines").resolve(Integer.toString(port)));
            machines.add(new Machine(port, own, own.resolve("agent")));
        }
        for (int from = 0; from < count; from += PORTS) {
            List<Machine> some = machines.subList(from, Math.min(count, from + PORTS));
            servers.add(startServer(sshd, some, servers.size(), sftp));
        }
        watch();
        for (int server = 0; server < servers.size(); server++) {
            awaitListening(server, Math.min(PORTS, count - server * PORTS));
        }
    }

    private static List<Integer> freePorts(int count) throws IOException {
        List<ServerSocket> sockets = new ArrayList<>();
        try {
            for (int i = 0; i < count; i++) {
                sockets.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
            }
            return sockets.stream().map(ServerSocket::getLocalPort).toList();
        } finally {
            for (ServerSocket socket : sockets) {
                socket.close();
            }
        }
    }

    private Process startServer(Path sshd, List<Machine> some, int number, String sftp) throws IOException {
        List<String> config = new ArrayList<>(List.of(
                "ListenAddress 127.0.0.1",
                "HostKey " + folder.resolve("host_key"),
                "AuthorizedKeysFile " + folder.resolve("authorized_keys"),
                "Subsystem sftp " + sftp,
                "PidFile none",
                "UsePAM no",
                "StrictModes no",
                "PermitRootLogin prohibit-password",
                "PasswordAuthentication no",
                "KbdInteractiveAuthentication no",
                // It would turn some away by chance otherwise.
                "MaxStartups 1000",
                // What the user's shell does when it starts is no part of what is measured, and may be much.
                "SetEnv HOME=" + Files.createDirectories(folder.resolve("home")),
                "PrintMotd no",
                "PrintLastLog no"));
        some.forEach(machine -> config.add("Port " + machine.port()));
        Path file = Files.write(folder.resolve("sshd_config-" + number), config);
        return new ProcessBuilder(sshd.toString(), "-D", "-e", "-f", file.toString())
                .redirectErrorStream(true)
                .redirectOutput(log(number).toFile())
                .start();
    }

    private Path log(int number) {
        return folder.resolve("sshd-" + number + ".log");
    }

    /** Ends the servers where this JVM is killed and cannot: the other end of the watcher's input is gone then. */
    private void watch() throws IOException {
        List<String> command =
                new ArrayList<>(List.of("sh", "-c", "read -r _; kill \"$@\" 2> /dev/null", "ssh-machines"));
        servers.forEach(server -> command.add(Long.toString(server.pid())));
        watcher = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    private void awaitListening(int server, int ports) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
        while (true) {
            String said = Files.readString(log(server));
            if (said.lines()
                            .filter(line -> line.startsWith("Server listening on "))
                            .count()
                    == ports) {
                return;
            }
            if (!servers.get(server).isAlive() || System.nanoTime() > deadline) {
                throw new IOException("sshd does not listen at its " + ports + " ports: " + said.strip());
            }
            Thread.sleep(LOOK_MILLIS);
        }
    }

    List<Machine> machines() {
        return List.copyOf(machines);
    }

    /** Returns who logs in. */
    String user() {
        return USER;
    }

    SshCredentials credentials() {
        return credentials;
    }

    /** Returns the private key to log in with. */
    Path keyFile() {
        return folder.resolve("id_ed25519");
    }

    /** Returns a folder for more, which goes with this. */
    Path folder() {
        return folder;
    }

    /** Takes a process to end with this, and with it what it has started. */
    Process own(Process process) {
        synchronized (lock) {
            owned.removeIf(other -> !other.isAlive());
            owned.add(process);
        }
        return process;
    }

    /** Ends all sessions that clients have left open, and empties the machines' folders. */
    void clean() throws IOException, InterruptedException {
        List<ProcessHandle> sessions =
                servers.stream().flatMap(Process::descendants).toList();
        sessions.forEach(ProcessHandle::destroy);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(END_SECONDS);
        while (sessions.stream().anyMatch(ProcessHandle::isAlive) && System.nanoTime() < deadline) {
            Thread.sleep(LOOK_MILLIS);
        }
        for (Machine machine : machines) {
            try (Stream<Path> files = Files.list(machine.folder())) {
                for (Path file : files.toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    /** Checks that a machine has the whole agent, and nothing else. */
    void check(long size) throws IOException {
        for (Machine machine : machines) {
            try (Stream<Path> files = Files.list(machine.folder())) {
                List<Path> found = files.toList();
                if (!found.equals(List.of(machine.agent()))
                        || Files.size(machine.agent()) != size
                        || !Files.isExecutable(machine.agent())) {
                    throw new IllegalStateException("not just a whole agent at " + machine + ": " + found);
                }
            }
        }
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The JVM is ending, and the hook does the work.
        }
        end();
    }

    private void end() {
        synchronized (lock) {
            if (ended) {
                return;
            }
            ended = true;
            List<Process> parents = new ArrayList<>(owned);
            parents.addAll(servers);
            List<ProcessHandle> children =
                    parents.stream().flatMap(Process::descendants).toList();
            parents.forEach(Process::destroy);
            children.forEach(ProcessHandle::destroy);
            for (Process parent : parents) {
                awaitEnd(parent.toHandle());
            }
            children.forEach(SshMachines::awaitEnd);
            Process watching = watcher;
            if (watching != null) {
                watching.destroy();
            }
            delete();
        }
    }

    private static void awaitEnd(ProcessHandle process) {
        try {
            process.onExit().orTimeout(END_SECONDS, TimeUnit.SECONDS).join();
        } catch (RuntimeException e) {
            process.destroyForcibly();
        }
    }

    private void delete() {
        for (int attempt = 1; ; attempt++) {
            try {
                Files.walkFileTree(folder, new Deleter());
                return;
            } catch (NoSuchFileException e) {
                if (Files.notExists(folder)) {
                    return;
                }
            } catch (IOException e) {
                // A process may still have been writing.
                if (attempt == DELETIONS) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }

    private static final class Deleter extends SimpleFileVisitor<Path> {
        @Override
        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure) throws IOException {
            if (failure != null) {
                throw failure;
            }
            Files.delete(directory);
            return FileVisitResult.CONTINUE;
        }
    }
}
