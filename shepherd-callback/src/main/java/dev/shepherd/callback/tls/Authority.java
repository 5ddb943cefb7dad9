package dev.shepherd.callback.tls;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.settings.PemFiles;
import dev.shepherd.api.internal.settings.PemFiles.Pair;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileStore;
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
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.Set;
import java.util.UUID;

/**
 * The certificate authority of a deployment, in a folder: {@code ca.pem} has its certificate and its key, and {@code
 * ca-certificate.pem} its certificate alone, for people and their tools.
 *
 * <p>Certificate and key are in one file, which is written elsewhere, brought to the disk and then linked to its name,
 * which fails if there is one: so a crash leaves all of it or nothing, and of several processes that begin at once, all
 * use that of the first.
 */
final class Authority {

    static final String FILE = "ca.pem";
    static final String CERTIFICATE_FILE = "ca-certificate.pem";

    private static final Duration VALIDITY = Duration.ofDays(3650);
    private static final String UNFINISHED = ".unfinished";
    private static final Duration OLD = Duration.ofMinutes(10);

    private Authority() {}

    /**
     * Reads the authority of a folder, and makes it if there is none.
     *
     * @param setting the setting that names the folder, for errors
     * @throws ConfigurationException if it cannot be read or made, or is not for its owner alone
     */
    static Pair inFolder(String setting, Path folder, Instant now) {
        Path file = folder.resolve(FILE);
        try {
            prepare(setting, folder);
            if (!Files.exists(file)) {
                make(folder, file, now);
            }
            Pair read = PemFiles.pair(setting, file, setting, file);
            X509Certificate certificate = read.certificate();
            if (certificate.getBasicConstraints() < 0) {
                throw new ConfigurationException(
                        setting, setting + ": the certificate in " + file + " is not one of an authority (CA)");
            }
            if (now.isAfter(certificate.getNotAfter().toInstant())) {
                throw new ConfigurationException(
                        setting,
                        setting + ": the authority in " + file + " ended on "
                                + certificate.getNotAfter().toInstant()
                                + "; move the file away for another one, and take over all agents again");
            }
            publish(folder, certificate);
            return read;
        } catch (IOException | GeneralSecurityException e) {
            throw new ConfigurationException(
                    setting,
                    setting + ": the certificate authority in " + folder + " cannot be read or made: "
                            + Escaped.text(e),
                    e);
        }
    }

    private static void prepare(String setting, Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            Path parent = folder.toAbsolutePath().getParent();
            if (parent != null) {
                Files.createDirectories(parent);
            }
            Files.createDirectories(folder, ownersOnly(folder, "rwx------"));
        }
        try {
            Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(folder);
            if (permissions.contains(PosixFilePermission.GROUP_WRITE)
                    || permissions.contains(PosixFilePermission.OTHERS_WRITE)) {
                throw new ConfigurationException(
                        setting, setting + ": " + folder + " can be changed by others; run: chmod 700 " + folder);
            }
        } catch (UnsupportedOperationException e) {
            return; // This file system has no permissions.
        }
    }

    private static FileAttribute<?>[] ownersOnly(Path near, String permissions) throws IOException {
        Path there = near.toAbsolutePath();
        while (!Files.exists(there, LinkOption.NOFOLLOW_LINKS) && there.getParent() != null) {
            there = there.getParent();
        }
        FileStore store = Files.getFileStore(there);
        return store.supportsFileAttributeView("posix")
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
                }
                : new FileAttribute<?>[0];
    }

    private static void make(Path folder, Path file, Instant now) throws IOException, GeneralSecurityException {
        removeUnfinished(folder, now);
        Pair made = Certificates.authority(now, VALIDITY);
        String text = pem("CERTIFICATE", made.certificate().getEncoded())
                + pem("PRIVATE KEY", made.key().getEncoded());
        Path unfinished = write(folder, text, "rw-------");
        try {
            Files.createLink(file, unfinished);
            sync(folder);
        } catch (FileAlreadyExistsException e) {
            return; // Another process was first.
        } finally {
            Files.deleteIfExists(unfinished);
        }
    }

    /** Removes what processes have left that were killed while they wrote. */
    private static void removeUnfinished(Path folder, Instant now) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*" + UNFINISHED)) {
            for (Path file : files) {
                try {
                    if (Files.getLastModifiedTime(file).toInstant().isBefore(now.minus(OLD))) {
                        Files.deleteIfExists(file);
                    }
                } catch (NoSuchFileException e) {
                    continue; // Its process goes on.
                }
            }
        }
    }

    private static void publish(Path folder, X509Certificate certificate) throws IOException, GeneralSecurityException {
        Path file = folder.resolve(CERTIFICATE_FILE);
        String text = pem("CERTIFICATE", certificate.getEncoded());
        if (Files.exists(file) && Arrays.equals(Files.readAllBytes(file), text.getBytes(StandardCharsets.US_ASCII))) {
            return;
        }
        Files.move(
                write(folder, text, "rw-r--r--"),
                file,
                StandardCopyOption.ATOMIC_MOVE,
                StandardCopyOption.REPLACE_EXISTING);
    }

    /** Writes a file of a name that no other process uses, and brings it to the disk. */
    private static Path write(Path folder, String text, String permissions) throws IOException {
        Path file = folder.resolve(UUID.randomUUID() + UNFINISHED);
        try (FileChannel out = FileChannel.open(
                file,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                ownersOnly(folder, permissions))) {
            ByteBuffer content = ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
            while (content.hasRemaining()) {
                out.write(content);
            }
            out.force(true);
        }
        return file;
    }

    private static void sync(Path folder) throws IOException {
        try (FileChannel directory = FileChannel.open(folder, StandardOpenOption.READ)) {
            directory.force(true);
        } catch (UnsupportedOperationException e) {
            return; // Not every file system opens folders.
        }
    }

    private static String pem(String kind, byte[] content) {
        return "-----BEGIN " + kind + "-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(content) + "\n-----END " + kind
                + "-----\n";
    }
}
