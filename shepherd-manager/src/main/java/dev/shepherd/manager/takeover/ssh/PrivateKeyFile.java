package dev.shepherd.manager.takeover.ssh;

import com.hierynomus.sshj.common.KeyDecryptionFailedException;
import com.hierynomus.sshj.userauth.keyprovider.OpenSSHKeyV1KeyFile;
import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Ed25519Point;
import dev.shepherd.api.internal.Escaped;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.security.interfaces.EdECPrivateKey;
import java.util.Arrays;
import java.util.Base64;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import net.schmizz.sshj.common.Buffer;
import net.schmizz.sshj.userauth.password.PasswordFinder;
import net.schmizz.sshj.userauth.password.Resource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads and makes private keys in OpenSSH's own format ({@code openssh-key-v1}). */
final class PrivateKeyFile {

    private static final Logger log = LoggerFactory.getLogger(PrivateKeyFile.class);

    /** An RSA key of 16384 bits has 13 KiB. */
    private static final long MAX_BYTES = 256 * 1024;

    private static final Pattern PEM =
            Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \\1-----", Pattern.DOTALL);

    private static final byte[] MAGIC = "openssh-key-v1\0".getBytes(StandardCharsets.US_ASCII);
    private static final String COMMENT = "shepherd";
    private static final int LINE_LENGTH = 70;

    private PrivateKeyFile() {}

    /**
     * Reads a key pair.
     *
     * @throws ConfigurationException if that is not possible; the message names the file and what to do
     */
    static KeyPair read(Path file, @Nullable Supplier<char[]> passphrase) {
        String text = text(file);
        Matcher pem = PEM.matcher(text);
        if (!pem.find()) {
            throw failure(
                    file,
                    text.startsWith("ssh-") || text.startsWith("ecdsa-")
                            ? "is a public key; name the private one"
                            : "is not a private key",
                    null);
        }
        if (!pem.group(1).equals("OPENSSH PRIVATE KEY")) {
            throw failure(
                    file,
                    "is a %s, and not in OpenSSH's own format; ssh-keygen -p -f %s rewrites it"
                            .formatted(pem.group(1), ShellWord.quote(file.toString())),
                    null);
        }
        String cipher = cipher(file, pem.group(2));
        boolean encrypted = !cipher.equals("none");
        if (encrypted && passphrase == null) {
            throw failure(file, "is encrypted, and no passphrase was given", null);
        }
        KeyPair keyPair = decode(file, pem.group(), cipher, encrypted ? passphrase : null);
        warnIfOpenToOthers(file);
        return keyPair;
    }

    private static String text(Path file) {
        try {
            if (Files.isDirectory(file)) {
                throw failure(file, "is a directory", null);
            }
            if (Files.size(file) > MAX_BYTES) {
                throw failure(file, "is not a private key: it has over " + MAX_BYTES + " bytes", null);
            }
            return Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (NoSuchFileException e) {
            throw failure(file, "does not exist", e);
        } catch (IOException e) {
            throw failure(file, "cannot be read: " + e, e);
        }
    }

    /** The name of the cipher follows the magic; that of no cipher is "none". */
    private static String cipher(Path file, String base64) {
        try {
            Buffer.PlainBuffer buffer =
                    new Buffer.PlainBuffer(Base64.getMimeDecoder().decode(base64));
            byte[] magic = new byte[MAGIC.length];
            buffer.readRawBytes(magic);
            if (!Arrays.equals(magic, MAGIC)) {
                throw failure(file, "is not a private key: its content does not start as one", null);
            }
            return buffer.readString();
        } catch (Buffer.BufferException | IllegalArgumentException e) {
            throw failure(file, "is not a whole private key", e);
        }
    }

    private static KeyPair decode(Path file, String pem, String cipher, @Nullable Supplier<char[]> passphrase) {
        EcdsaKeys.areKnown();
        OpenSSHKeyV1KeyFile key = new OpenSSHKeyV1KeyFile();
        key.init(new StringReader(pem), passphrase == null ? null : new OnePassphrase(passphrase));
        try {
            return new KeyPair(key.getPublic(), key.getPrivate());
        } catch (KeyDecryptionFailedException e) {
            throw failure(
                    file,
                    isMissingAnAlgorithm(e)
                            ? withoutCipher(file, cipher)
                            : "cannot be decrypted: the passphrase is wrong",
                    e);
        } catch (IOException | RuntimeException e) {
            if (hasCause(e, Buffer.BufferException.class)) {
                throw failure(file, "is not a whole private key", e);
            }
            String why = isMissingAnAlgorithm(e)
                    ? "this JVM does not know keys of its type; those of ed25519 and RSA it does (for ECDSA, it needs the"
                            + " module jdk.crypto.ec)"
                    : String.valueOf(e.getMessage());
            throw failure(file, "is not a private key that can be used: " + why, e);
        }
    }

    private static String withoutCipher(Path file, String cipher) {
        return "cannot be decrypted: its cipher " + Escaped.text(cipher, 64) + " is not available without BouncyCastle"
                + " (org.bouncycastle:bcprov-jdk18on); ssh-keygen -p -Z aes256-ctr -f "
                + ShellWord.quote(file.toString()) + " rewrites it";
    }

    private static boolean isMissingAnAlgorithm(Throwable failure) {
        return hasCause(failure, NoSuchAlgorithmException.class);
    }

    private static boolean hasCause(Throwable failure, Class<? extends Exception> type) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (type.isInstance(cause)) {
                return true;
            }
        }
        return false;
    }

    /** As OpenSSH does, but without refusing: containers often mount secrets with mode 0644. */
    private static void warnIfOpenToOthers(Path file) {
        try {
            Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(file);
            if (permissions.contains(PosixFilePermission.GROUP_READ)
                    || permissions.contains(PosixFilePermission.OTHERS_READ)) {
                log.warn(
                        "the private key {} can be read by others ({}); it should have mode 0600",
                        file,
                        PosixFilePermissions.toString(permissions));
            }
        } catch (UnsupportedOperationException | IOException e) {
            log.debug("the permissions of the private key {} are unknown", file, Escaped.failure(e));
        }
    }

    /**
     * Makes a key if there is no file of this name.
     *
     * @throws ConfigurationException if it cannot be written
     */
    static void generateIfAbsent(Path file) {
        if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try {
            Path folder = folder(file);
            if (!Files.isDirectory(folder)) {
                Files.createDirectories(folder, mode("rwx------"));
            }
            Path whole = temporary(file);
            try {
                write(whole, generate(), mode("rw-------"));
                publish(whole, file);
            } finally {
                Files.deleteIfExists(whole);
            }
        } catch (IOException e) {
            throw failure(file, "cannot be made: " + e, e);
        }
    }

    /** Gives a file its name unless the name is taken, all at once: a link does that, a move would replace. */
    private static void publish(Path whole, Path file) throws IOException {
        try {
            Files.createLink(file, whole);
            log.info("made the private key {}", file);
        } catch (FileAlreadyExistsException e) {
            log.debug("another process just made the private key {}", file);
        } catch (UnsupportedOperationException | IOException e) {
            log.debug("no links here: moving the private key to {}", file, Escaped.failure(e));
            try {
                Files.move(whole, file);
                log.info("made the private key {}", file);
            } catch (FileAlreadyExistsException taken) {
                log.debug("another process just made the private key {}", file);
            }
        }
    }

    /** Writes the public half beside a private key. That it cannot be written is no reason to stop. */
    static void writePublicHalfIfAbsent(Path file, String publicKey) {
        Path target = file.resolveSibling(file.getFileName() + ".pub");
        if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        Path whole = temporary(target);
        try {
            try {
                byte[] line = (publicKey + " " + COMMENT + "\n").getBytes(StandardCharsets.US_ASCII);
                write(whole, line, mode("rw-r--r--"));
                Files.move(whole, target, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(whole);
            }
        } catch (IOException e) {
            log.warn("could not write the public key {}: {}", target, Escaped.text(e));
        }
    }

    private static void write(Path file, byte[] content, FileAttribute<?>... attributes) throws IOException {
        Set<StandardOpenOption> options = Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        try (FileChannel channel = FileChannel.open(file, options, attributes)) {
            ByteBuffer buffer = ByteBuffer.wrap(content);
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
            channel.force(true);
        } finally {
            Arrays.fill(content, (byte) 0);
        }
    }

    /** Windows knows no modes; files there belong to their user by where they are. */
    private static FileAttribute<?>[] mode(String permissions) {
        if (!FileSystems.getDefault().supportedFileAttributeViews().contains("posix")) {
            return new FileAttribute<?>[0];
        }
        return new FileAttribute<?>[] {
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
        };
    }

    private static Path folder(Path file) {
        Path folder = file.toAbsolutePath().getParent();
        return folder == null ? file.toAbsolutePath() : folder;
    }

    private static Path temporary(Path file) {
        return folder(file).resolve("." + file.getFileName() + "." + UUID.randomUUID() + ".tmp");
    }

    private static byte[] generate() {
        KeyPair pair;
        try {
            pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK since 15 has Ed25519", e);
        }
        byte[] seed = ((EdECPrivateKey) pair.getPrivate())
                .getBytes()
                .orElseThrow(() -> new IllegalStateException("the JDK keeps its own Ed25519 key to itself"));
        // X.509 puts a fixed head before the point, whose wire form is the same everywhere (RFC 8410, 4).
        byte[] encoded = pair.getPublic().getEncoded();
        byte[] point = Arrays.copyOfRange(encoded, encoded.length - Ed25519Point.LENGTH, encoded.length);
        return encode(seed, point).getBytes(StandardCharsets.US_ASCII);
    }

    /** Writes a key as OpenSSH's PROTOCOL.key describes it, unencrypted. */
    private static String encode(byte[] seed, byte[] point) {
        byte[] publicKey = new Buffer.PlainBuffer()
                .putString("ssh-ed25519")
                .putBytes(point)
                .getCompactData();
        byte[] both = Arrays.copyOf(seed, seed.length + point.length);
        System.arraycopy(point, 0, both, seed.length, point.length);
        int check = new SecureRandom().nextInt();
        Buffer.PlainBuffer secret = new Buffer.PlainBuffer()
                .putUInt32FromInt(check)
                .putUInt32FromInt(check)
                .putString("ssh-ed25519")
                .putBytes(point)
                .putBytes(both)
                .putString(COMMENT);
        for (int i = 1; secret.available() % 8 != 0; i++) {
            secret.putByte((byte) i);
        }
        byte[] whole = new Buffer.PlainBuffer()
                .putRawBytes(MAGIC)
                .putString("none")
                .putString("none")
                .putString("")
                .putUInt32(1)
                .putBytes(publicKey)
                .putBytes(secret.getCompactData())
                .getCompactData();
        String base64 = Base64.getMimeEncoder(LINE_LENGTH, new byte[] {'\n'}).encodeToString(whole);
        return "-----BEGIN OPENSSH PRIVATE KEY-----\n" + base64 + "\n-----END OPENSSH PRIVATE KEY-----\n";
    }

    private static ConfigurationException failure(Path file, String what, @Nullable Throwable cause) {
        return new ConfigurationException(null, "the private key " + file + " " + what, cause);
    }

    /** Asks for a passphrase once; the library wipes it. */
    private static final class OnePassphrase implements PasswordFinder {

        private final Supplier<char[]> supplier;

        private OnePassphrase(Supplier<char[]> supplier) {
            this.supplier = supplier;
        }

        @Override
        public char[] reqPassword(Resource<?> resource) {
            return supplier.get();
        }

        @Override
        public boolean shouldRetry(Resource<?> resource) {
            return false;
        }
    }
}
