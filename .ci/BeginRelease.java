import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Begins what the profile {@code release} puts together: empties its folder, once in each build, and makes a key to sign it
 * with if the file is not there: an armored secret key without a passphrase, and its public half beside it, {@code .pub}.
 * That key is for tests of the release only. It needs gpg.
 *
 * <p>The first modules of a build call it, some at the same time.
 */
final class BeginRelease {

    private static final String OWNER = "Shepherd, a test of the release <test@shepherd.invalid>";
    private static final int SECONDS = 60;

    /** Takes the folder, the key's file, whether to go without one, and the time of the build's start. */
    public static void main(String[] args) throws Exception {
        Path folder = Path.of(args[0]).toAbsolutePath();
        Path key = Path.of(args[1]).toAbsolutePath();
        boolean unsigned = Boolean.parseBoolean(args[2]);
        Path began = Path.of(folder + ".began");
        Files.createDirectories(folder.getParent());
        // A file that nothing else is done with: closing any other channel to it would end the lock.
        try (FileChannel channel = FileChannel.open(Path.of(folder + ".lock"), WRITE, CREATE);
                FileLock lock = channel.lock()) {
            if (!Files.exists(began) || !args[3].equals(Files.readString(began))) {
                delete(folder);
                Files.writeString(began, args[3]);
            }
            if (!unsigned && !Files.exists(key)) {
                makeKey(key);
            }
        }
    }

    private static void makeKey(Path file) throws Exception {
        Files.createDirectories(file.getParent());
        // The path of a socket in it has to be short.
        Path home = Files.createTempDirectory(Path.of("/tmp"), "gpg");
        try {
            gpg(home, null, "--quick-generate-key", OWNER, "ed25519", "sign", "never");
            gpg(home, Path.of(file + ".pub"), "--armor", "--export");
            Path unfinished = Path.of(file + ".new");
            gpg(home, unfinished, "--armor", "--export-secret-keys");
            Files.move(unfinished, file);
        } finally {
            run(List.of("gpgconf", "--homedir", home.toString(), "--kill", "all"), null);
            delete(home);
        }
    }

    private static void gpg(Path home, Path output, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(
                List.of("gpg", "--homedir", home.toString(), "--batch", "--quiet", "--passphrase", ""));
        command.addAll(List.of("--pinentry-mode", "loopback"));
        command.addAll(List.of(arguments));
        run(command, output);
    }

    private static void run(List<String> command, Path output) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(command);
        Path errors = Files.createTempFile("gpg", ".txt");
        builder.redirectError(errors.toFile());
        builder.redirectOutput(output == null ? ProcessBuilder.Redirect.DISCARD : ProcessBuilder.Redirect.to(output.toFile()));
        Process process = builder.start();
        try {
            process.getOutputStream().close();
            if (!process.waitFor(SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new IOException(command + " failed:\n" + Files.readString(errors, StandardCharsets.UTF_8));
            }
        } finally {
            process.destroyForcibly();
            Files.delete(errors);
        }
    }

    private static void delete(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }
}
