package dev.shepherd.manager.takeover;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** OpenSSH's own server, as a child process on a loopback port with nothing but its own files. */
final class OpenSshServer implements AutoCloseable {

    static final String USER = System.getProperty("user.name");

    private final Path folder;
    private final int port;
    private final Process process;

    /** Starts it with further lines of configuration; skips the test where there is none on this machine. */
    OpenSshServer(Path folder, List<String> authorizedKeys, String... lines) throws Exception {
        Optional<Path> sshd = find();
        assumeTrue(sshd.isPresent(), "no sshd of OpenSSH on this machine");
        if (USER.equals("root")) {
            // Where it locks itself up until somebody has logged in. It insists on it, whatever it is configured for.
            Files.createDirectories(Path.of("/run/sshd"));
        }
        this.folder = Files.createDirectory(folder.resolve("sshd" + System.nanoTime()));
        try (ServerSocket socket = new ServerSocket(0)) {
            port = socket.getLocalPort();
        }
        // To a server the first value of each setting is the one that counts.
        List<String> config = new ArrayList<>(List.of(lines));
        config.addAll(List.of(
                "ListenAddress 127.0.0.1",
                "Port " + port,
                "PidFile none",
                "UsePAM no",
                "StrictModes no",
                "PermitRootLogin prohibit-password",
                "PasswordAuthentication no",
                "KbdInteractiveAuthentication no",
                "AuthorizedKeysFile " + Files.write(this.folder.resolve("authorized_keys"), authorizedKeys)));
        config.add("HostKey " + makeKey("ed25519"));
        Path file = Files.write(this.folder.resolve("sshd_config"), config);
        Path log = this.folder.resolve("log");
        process = new ProcessBuilder(sshd.get().toString(), "-D", "-e", "-f", file.toString())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        await().atMost(20, TimeUnit.SECONDS).until(() -> {
            assertThat(process.isAlive()).as(() -> read(log)).isTrue();
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
                return socket.isConnected();
            } catch (IOException e) {
                return false;
            }
        });
    }

    private static Optional<Path> find() {
        return Stream.concat(
                        Stream.of(Optional.ofNullable(System.getenv("PATH"))
                                .orElse("")
                                .split(File.pathSeparator)),
                        Stream.of("/usr/sbin", "/usr/local/sbin", "/usr/lib/ssh"))
                .map(directory -> Path.of(directory, "sshd"))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /** Makes a key of the server's in a file. */
    final Path makeKey(String type) throws Exception {
        return makeKey(folder.resolve("host_" + type), type, "");
    }

    /** @param type the type, perhaps with options that go with it: {@code ecdsa -b 384} */
    static Path makeKey(Path file, String type, String passphrase) throws Exception {
        List<String> command =
                new ArrayList<>(List.of("ssh-keygen", "-q", "-N", passphrase, "-f", file.toString(), "-t"));
        command.addAll(List.of(type.split(" ")));
        Process keygen = new ProcessBuilder(command).inheritIO().start();
        assertThat(keygen.waitFor()).isZero();
        return file;
    }

    /** Returns a public key that {@link #makeKey} made, without its comment. */
    static String publicKey(Path file) throws IOException {
        String[] words = Files.readString(Path.of(file + ".pub")).split("\\s+", 3);
        return words[0] + " " + words[1];
    }

    Path hostKey(String type) {
        return folder.resolve("host_" + type);
    }

    TakeoverTarget.Builder target() {
        return TakeoverFixture.target(InetAddress.getLoopbackAddress(), port);
    }

    int port() {
        return port;
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return e.toString();
        }
    }

    String log() {
        return read(folder.resolve("log"));
    }

    @Override
    public void close() {
        List<ProcessHandle> children = process.descendants().toList();
        process.destroy();
        process.onExit().join();
        children.forEach(ProcessHandle::destroy);
    }
}
