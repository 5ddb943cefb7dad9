package dev.shepherd.manager.takeover;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.manager.takeover.ssh.BouncyCastle;
import dev.shepherd.manager.takeover.ssh.SshPublicKey;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SshCredentialsTest {

    private static final String PASSPHRASE = "open sesame ö";

    private final Path folder;

    SshCredentialsTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @Test
    void aKeyIsGeneratedWhereThereIsNone() throws Exception {
        Path file = folder.resolve("new/folder/id_ed25519");

        SshCredentials made = SshCredentials.generateIfAbsent(file);

        assertThat(mode(file)).isEqualTo("rw-------");
        assertThat(mode(folder.resolve("new/folder"))).isEqualTo("rwx------");
        assertThat(file.resolveSibling("id_ed25519.pub"))
                .hasContent(made.publicKey().orElseThrow() + " shepherd\n");
        assertThat(made.publicKey().orElseThrow()).startsWith("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5");
        assertThat(names(folder.resolve("new/folder"))).containsExactly("id_ed25519", "id_ed25519.pub");
        assertThat(SshCredentials.generateIfAbsent(file).publicKey()).isEqualTo(made.publicKey());
        assertThat(SshCredentials.privateKey(file).publicKey()).isEqualTo(made.publicKey());
    }

    @Test
    void openSshReadsWhatWasGenerated() throws Exception {
        for (int i = 0; i < 5; i++) {
            Path file = folder.resolve("key" + i);
            SshCredentials made = SshCredentials.generateIfAbsent(file);

            assertThat(sshKeygen("-y", "-P", "", "-f", file.toString()))
                    .isEqualTo(made.publicKey().orElseThrow() + " shepherd");
            assertThat(sshKeygen("-l", "-f", file + ".pub"))
                    .contains(SshPublicKey.parse(made.publicKey().orElseThrow()).fingerprint());
        }
    }

    @Test
    void thePublicHalfIsWrittenAgainWhereItIsMissing() throws Exception {
        Path file = folder.resolve("key");
        SshCredentials.generateIfAbsent(file);
        Files.delete(folder.resolve("key.pub"));

        SshCredentials again = SshCredentials.generateIfAbsent(file);

        assertThat(folder.resolve("key.pub")).hasContent(again.publicKey().orElseThrow() + " shepherd\n");
    }

    @Test
    void allWhoGenerateAtOnceUseOneKey() throws Exception {
        int callers = 16;
        ExecutorService executor = Executors.newFixedThreadPool(callers);
        try {
            for (int round = 0; round < 10; round++) {
                Path file = folder.resolve("round" + round + "/key");
                CyclicBarrier start = new CyclicBarrier(callers);
                List<Future<String>> keys = new ArrayList<>();
                for (int i = 0; i < callers; i++) {
                    keys.add(executor.submit(() -> {
                        start.await();
                        return SshCredentials.generateIfAbsent(file).publicKey().orElseThrow();
                    }));
                }
                Set<String> different = new HashSet<>();
                for (Future<String> key : keys) {
                    different.add(key.get());
                }
                assertThat(different).hasSize(1);
                assertThat(names(folder.resolve("round" + round))).containsExactly("key", "key.pub");
            }
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    void whatIsThereAndIsNoKeyIsNotReplaced() throws Exception {
        Path file = Files.writeString(folder.resolve("notes"), "buy milk");

        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> SshCredentials.generateIfAbsent(file))
                .withMessageContaining("is not a private key");
        assertThat(file).hasContent("buy milk");
    }

    @ParameterizedTest
    @CsvSource({"ed25519,", "ed25519,256", "rsa,3072", "ecdsa,256", "ecdsa,384", "ecdsa,521"})
    void keysOfOpenSshAreReadWithAndWithoutAPassphrase(String type, String bits) throws Exception {
        Path plain = folder.resolve("plain");
        Path encrypted = folder.resolve("encrypted");
        List<String> size = bits == null ? List.of() : List.of("-b", bits);
        generate(type, size, plain, "");
        generate(type, size, encrypted, PASSPHRASE);

        assertThat(SshCredentials.privateKey(plain).publicKey()).contains(publicKey(plain));
        assertThat(SshCredentials.privateKey(encrypted, PASSPHRASE.toCharArray())
                        .publicKey())
                .contains(publicKey(encrypted));
        AtomicInteger asked = new AtomicInteger();
        assertThat(SshCredentials.privateKey(encrypted, () -> {
                            asked.incrementAndGet();
                            return PASSPHRASE.toCharArray();
                        })
                        .publicKey())
                .contains(publicKey(encrypted));
        assertThat(asked).hasValue(1);
    }

    @ParameterizedTest
    @CsvSource({"rsa,3072", "ecdsa,256", "ecdsa,384", "ecdsa,521"})
    void keysInOtherFormatsAreReadOnceTheyAreRewrittenAsTheMessageSays(String type, String bits) throws Exception {
        for (String format : List.of("PEM", "PKCS8")) {
            Path file = folder.resolve(format);
            generate(type, List.of("-b", bits, "-m", format), file, "");
            assertFails(file, "not in OpenSSH's own format; ssh-keygen -p -f");

            Process rewrites = new ProcessBuilder("ssh-keygen", "-q", "-p", "-P", "", "-N", "", "-f", file.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            assertThat(rewrites.waitFor()).isZero();

            assertThat(SshCredentials.privateKey(file).publicKey()).contains(publicKey(file));
        }
    }

    @Test
    void aCipherThatNeedsBouncyCastleIsNotTakenForAWrongPassphrase() throws Exception {
        Path file = folder.resolve("key");
        generate("ed25519", List.of("-Z", "chacha20-poly1305@openssh.com"), file, PASSPHRASE);

        if (BouncyCastle.isUsed()) {
            assertThat(SshCredentials.privateKey(file, PASSPHRASE.toCharArray()).publicKey())
                    .contains(publicKey(file));
            return;
        }
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> SshCredentials.privateKey(file, PASSPHRASE.toCharArray()))
                .withMessageContaining("its cipher chacha20-poly1305@openssh.com is not available without BouncyCastle")
                .withMessageContaining("ssh-keygen -p -Z aes256-ctr");
    }

    @Test
    void aPassphraseIsOnlyAskedForWhereOneIsNeeded() {
        Path file = folder.resolve("key");
        SshCredentials made = SshCredentials.generateIfAbsent(file);

        assertThat(SshCredentials.privateKey(file, () -> {
                            throw new AssertionError("nobody should ask");
                        })
                        .publicKey())
                .isEqualTo(made.publicKey());
    }

    @Test
    void theCallersPassphraseIsLeftAlone() throws Exception {
        Path file = folder.resolve("key");
        generate("ed25519", List.of(), file, PASSPHRASE);
        char[] passphrase = PASSPHRASE.toCharArray();

        SshCredentials.privateKey(file, passphrase);

        assertThat(passphrase).isEqualTo(PASSPHRASE.toCharArray());
    }

    @Test
    void aMissingOrWrongPassphraseIsSaidToBeThat() throws Exception {
        Path file = folder.resolve("key");
        generate("ed25519", List.of(), file, PASSPHRASE);

        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> SshCredentials.privateKey(file))
                .withMessage("the private key " + file + " is encrypted, and no passphrase was given");
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> SshCredentials.privateKey(file, "wrong guess".toCharArray()))
                .withMessage("the private key " + file + " cannot be decrypted: the passphrase is wrong")
                .satisfies(e -> assertThat(e.toString()).doesNotContain("wrong guess"));
    }

    @Test
    void whatCannotBeUsedIsSaidInSoManyWords() throws Exception {
        assertFails(folder.resolve("absent"), "does not exist");
        assertFails(folder, "is a directory");
        assertFails(write("text", "hello"), "is not a private key");
        assertFails(write("empty", ""), "is not a private key");
        assertFails(write("huge", "x".repeat(300_000)), "over 262144 bytes");
        assertFails(write("public", "ssh-ed25519 AAAAC3Nza me"), "is a public key; name the private one");
        assertFails(
                write("pem", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"),
                "ssh-keygen -p");
        assertFails(
                write("short", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"),
                "is not a whole private key");
        String whole = Files.readString(made());
        assertFails(write("cut", whole.substring(0, whole.length() / 2)), "is not a private key");
        String[] lines = whole.split("\n", -1);
        assertFails(
                write("line", String.join("\n", lines[0], lines[1], lines[2], lines[lines.length - 2])),
                "is not a whole private key");
    }

    @ParameterizedTest
    @CsvSource({"ed25519, ''", "ed25519, open sesame", "rsa, ''", "rsa, open sesame"})
    void whateverIsLeftOfAKeyIsSaidNotToBeWhole(String type, String passphrase) throws Exception {
        Path file = folder.resolve("whole");
        generate(type, List.of(), file, passphrase);
        List<String> lines = Files.readAllLines(file);
        for (int kept = 2; kept < lines.size() - 1; kept += 2) {
            List<String> cut = new ArrayList<>(lines.subList(0, kept));
            cut.add(lines.get(lines.size() - 1));
            Path left = Files.write(folder.resolve("left"), cut);

            assertThatExceptionOfType(ConfigurationException.class)
                    .isThrownBy(() -> SshCredentials.privateKey(left, passphrase.toCharArray()))
                    .withMessage("the private key " + left + " is not a whole private key");
        }
    }

    @Test
    void whatRewritesAKeyNamesItsFile() throws Exception {
        Path file = write("it's a key", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n");

        assertFails(file, "ssh-keygen -p -f '" + folder + "/it'\\''s a key' rewrites it");
    }

    @Test
    void aFileThatMayNotBeReadIsSaidToBeThat() throws Exception {
        assumeTrue(!System.getProperty("user.name").equals("root"), "root may read everything");
        Path secret = made();
        Files.setPosixFilePermissions(secret, Set.of());
        assertFails(secret, "cannot be read");
    }

    private Path made() {
        Path file = folder.resolve("made");
        SshCredentials.generateIfAbsent(file);
        return file;
    }

    private Path write(String name, String content) throws IOException {
        return Files.writeString(folder.resolve(name), content);
    }

    private static void assertFails(Path file, String words) {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> SshCredentials.privateKey(file))
                .withMessageContaining(file.toString())
                .withMessageContaining(words);
    }

    @Test
    void aFileThatOthersMayReadIsUsedAllTheSame() throws Exception {
        Path file = made();
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));

        assertThat(SshCredentials.privateKey(file).publicKey()).isPresent();
    }

    @Test
    void nothingThatIsShownIsASecret() throws Exception {
        Path file = made();
        SshCredentials key = SshCredentials.privateKey(file);
        SshCredentials password = SshCredentials.password("correct horse".toCharArray());

        assertThat(key.toString())
                .isEqualTo("private key of ssh-ed25519 "
                        + SshPublicKey.parse(key.publicKey().orElseThrow()).fingerprint());
        assertThat(password).hasToString("password");
        assertThat(password.publicKey()).isEmpty();
        assertThatIllegalArgumentException().isThrownBy(() -> SshCredentials.password(new char[0]));
    }

    private static String publicKey(Path file) throws IOException {
        String[] words = Files.readString(Path.of(file + ".pub")).split(" ", 3);
        return words[0] + " " + words[1].strip();
    }

    private static void generate(String type, List<String> size, Path file, String passphrase) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("-q", "-t", type, "-N", passphrase, "-f", file.toString()));
        arguments.addAll(size);
        sshKeygen(arguments.toArray(String[]::new));
    }

    private static String sshKeygen(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("ssh-keygen"));
        command.addAll(List.of(arguments));
        Process process;
        try {
            process = new ProcessBuilder(command).redirectErrorStream(true).start();
        } catch (IOException e) {
            assumeTrue(false, "no ssh-keygen on this machine");
            throw e;
        }
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue()).as(said).isZero();
        return said;
    }

    private static String mode(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }

    private static List<String> names(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
