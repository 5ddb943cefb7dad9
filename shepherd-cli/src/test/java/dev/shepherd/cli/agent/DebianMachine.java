package dev.shepherd.cli.agent;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A machine with Debian's base, systemd and OpenSSH, and nothing else: a container of systemd-nspawn, whose files are those
 * of the packages that are installed here. It listens on the loopback address of this host.
 */
final class DebianMachine implements AutoCloseable {

    /** Beside what is essential; OpenJDK's libjvm needs the C++ library, which comes with apt. */
    private static final List<String> PACKAGES = List.of("systemd", "openssh-server", "libstdc++6", "zlib1g", "mawk");

    /** What systemd-nspawn ends with when the machine boots again: that is for its starter to do. */
    private static final int REBOOT = 133;

    private final Path root;
    private final Path log;
    private final int port;
    private @Nullable Process container;

    /** Returns why there cannot be one here, if there cannot. */
    static Optional<String> missing() throws Exception {
        if (!"root".equals(System.getProperty("user.name"))) {
            return Optional.of("only root can start containers");
        }
        for (String program : List.of("systemd-nspawn", "dpkg-query", "sshd")) {
            if (run("sh", "-c", "PATH=$PATH:/usr/sbin command -v " + program).isEmpty()) {
                return Optional.of("there is no " + program);
            }
        }
        for (String needed : PACKAGES) {
            if (!run("dpkg-query", "-Wf", "${Status}", needed).contains("installed")) {
                return Optional.of("the package " + needed + " is not installed");
            }
        }
        return Optional.empty();
    }

    /**
     * Makes it.
     *
     * @param authorizedKey lets in as root
     */
    DebianMachine(Path folder, int port, String authorizedKey) throws Exception {
        this.port = port;
        root = Files.createDirectories(folder.resolve("machine"));
        log = folder.resolve("machine.log");
        copyPackages();
        Files.writeString(path("etc/hostname"), "machine\n");
        Files.writeString(path("etc/machine-id"), "");
        Files.writeString(path("etc/passwd"), """
                root:x:0:0:root:/root:/bin/sh
                sshd:x:102:65534::/run/sshd:/usr/sbin/nologin
                nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin
                """);
        Files.writeString(path("etc/group"), "root:x:0:\nsystemd-journal:x:103:\nnogroup:x:65534:\n");
        Files.writeString(path("etc/shadow"), "root:*:19000:0:99999:7:::\n");
        Files.createDirectories(path("root/.ssh"));
        Files.writeString(path("root/.ssh/authorized_keys"), authorizedKey + "\n");
        Files.setPosixFilePermissions(path("root/.ssh"), PosixFilePermissions.fromString("rwx------"));
        Files.setPosixFilePermissions(path("root/.ssh/authorized_keys"), PosixFilePermissions.fromString("rw-------"));
        Files.createDirectories(path("etc/ssh"));
        for (Path old : List.of(path("etc/ssh/ssh_host_ed25519_key"), path("etc/ssh/ssh_host_ed25519_key.pub"))) {
            Files.deleteIfExists(old);
        }
        run(
                "ssh-keygen",
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-f",
                path("etc/ssh/ssh_host_ed25519_key").toString());
        Files.writeString(path("etc/ssh/sshd_config"), """
                Port %d
                ListenAddress 127.0.0.1
                HostKey /etc/ssh/ssh_host_ed25519_key
                PermitRootLogin prohibit-password
                PasswordAuthentication no
                UsePAM no
                Subsystem sftp /usr/lib/openssh/sftp-server
                """.formatted(port));
        Path wanted = Files.createDirectories(path("etc/systemd/system/multi-user.target.wants"));
        Files.deleteIfExists(wanted.resolve("ssh.service"));
        Files.createSymbolicLink(wanted.resolve("ssh.service"), Path.of("/lib/systemd/system/ssh.service"));
    }

    /** Returns why it cannot be turned on, if containers do not start here. */
    Optional<String> obstacle() throws Exception {
        String said = run(
                "systemd-nspawn",
                "-q",
                "--register=no",
                "--keep-unit",
                "--pipe",
                "-D",
                root.toString(),
                "/bin/echo",
                "works");
        return said.contains("works\n") ? Optional.empty() : Optional.of("containers do not start here: " + said);
    }

    /** Turns it on. */
    synchronized void turnOn() throws IOException {
        Process started = start();
        container = started;
        started.onExit().thenAccept(this::ended);
    }

    private synchronized void ended(Process process) {
        if (process == container && process.exitValue() == REBOOT) {
            try {
                turnOn();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** Copies the files of all packages that are essential or needed, as dpkg lists them. */
    private void copyPackages() throws Exception {
        Set<String> packages = new TreeSet<>();
        Deque<String> queue = new ArrayDeque<>(PACKAGES);
        run("dpkg-query", "-Wf", "${Essential} ${Package}\n")
                .lines()
                .filter(line -> line.startsWith("yes "))
                .map(line -> line.substring(4))
                .forEach(queue::add);
        while (!queue.isEmpty()) {
            String name = queue.remove();
            String said = run("dpkg-query", "-Wf", "${db:Status-Status}\t${Pre-Depends}, ${Depends}", name);
            if (!said.startsWith("installed\t") || !packages.add(name)) {
                continue;
            }
            Arrays.stream(said.substring(10).split(","))
                    .map(dependency -> dependency.replaceAll("[|(:].*", "").strip())
                    .filter(dependency -> !dependency.isEmpty())
                    .forEach(queue::add);
        }
        // As on every Debian since 12.
        for (String name : List.of("bin", "sbin", "lib", "lib64")) {
            Files.createDirectories(path("usr/" + name));
            Files.createSymbolicLink(path(name), Path.of("usr", name));
        }
        Set<String> files = new TreeSet<>();
        for (String name : packages) {
            run("dpkg-query", "-L", name)
                    .lines()
                    .filter(file -> file.startsWith("/") && !file.equals("/."))
                    .forEach(files::add);
        }
        Path list = Files.write(root.resolveSibling("files"), files);
        run(
                "sh",
                "-c",
                "tar -C / --no-recursion -cf - -T \"$0\" 2>/dev/null | tar -C \"$1\" --keep-directory-symlink -xf -",
                list.toString(),
                root.toString());
        for (String name : List.of("proc", "sys", "dev", "run", "tmp", "root", "var/lib", "var/log", "var/tmp")) {
            Files.createDirectories(path(name));
        }
    }

    Path path(String name) {
        return root.resolve(name);
    }

    private Process start() throws IOException {
        return new ProcessBuilder(
                        "systemd-nspawn",
                        "-q",
                        "--register=no",
                        "--keep-unit",
                        "--machine=" + name(),
                        "--console=pipe",
                        "-b",
                        "-D",
                        root.toString())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .redirectInput(Path.of("/dev/null").toFile())
                .start();
    }

    private String name() {
        return "shepherd-test-" + port;
    }

    int port() {
        return port;
    }

    /** Returns what the machine has written to its console. */
    String log() {
        try {
            return Files.exists(log) ? Files.readString(log, StandardCharsets.ISO_8859_1) : "";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Runs a command in the machine, by SSH. */
    String ssh(Path key, String command) throws Exception {
        return run(
                "ssh",
                "-q",
                "-i",
                key.toString(),
                "-p",
                String.valueOf(port),
                "-o",
                "BatchMode=yes",
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
                "-o",
                "ConnectTimeout=5",
                "root@127.0.0.1",
                command);
    }

    /** Turns it off. */
    @Override
    public void close() throws Exception {
        Process last;
        synchronized (this) {
            last = container;
            container = null;
        }
        if (last != null) {
            turnOff(last);
        }
        // Not by JUnit, which warns of each link that leads nowhere from here.
        run("rm", "-rf", root.toString());
    }

    private static void turnOff(Process container) throws InterruptedException {
        container.destroy();
        if (!container.waitFor(5, TimeUnit.SECONDS)) {
            // The second signal ends it at once.
            container.destroy();
            if (!container.waitFor(10, TimeUnit.SECONDS)) {
                container.destroyForcibly();
            }
        }
    }

    /** Runs a program of this host for a minute at most, and returns what it wrote on both streams. */
    static String run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectInput(Path.of("/dev/null").toFile())
                .start();
        try {
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            process.waitFor(1, TimeUnit.MINUTES);
            return said;
        } finally {
            process.destroyForcibly();
        }
    }
}
