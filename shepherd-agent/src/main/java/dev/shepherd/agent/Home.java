package dev.shepherd.agent;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The folder in which an agent keeps what it must know after a reboot. Its files are readable by their owner only, and
 * are replaced as a whole: after a crash each is the old one or the new one.
 *
 * @param folder holds {@code identity}, {@code installation}, {@code runtime} and the like
 */
record Home(Path folder) {

    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rw-------");

    /** Above what any of the files has. */
    private static final int MOST_BYTES = 16 << 20;

    Path path(String name) {
        return folder.resolve(name);
    }

    /** Returns what a file holds, or null if there is none. */
    byte @Nullable [] read(String name) throws IOException {
        try (var in = Files.newInputStream(path(name))) {
            byte[] content = in.readNBytes(MOST_BYTES + 1);
            if (content.length > MOST_BYTES) {
                throw new IOException(path(name) + " has more than " + MOST_BYTES + " bytes");
            }
            return content;
        } catch (NoSuchFileException e) {
            return null;
        }
    }

    /** Returns the text of a file without the white space around it, or an empty one if there is none. */
    String text(String name) throws IOException {
        byte[] content = read(name);
        return content == null ? "" : new String(content, StandardCharsets.UTF_8).strip();
    }

    /** Replaces what a file holds. Returns once that is on the disk. */
    void write(String name, byte[] content) throws IOException {
        Path next = path(name + ".next");
        Files.deleteIfExists(next);
        Files.createFile(next, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        try (FileChannel file = FileChannel.open(next, StandardOpenOption.WRITE)) {
            ByteBuffer left = ByteBuffer.wrap(content);
            while (left.hasRemaining()) {
                file.write(left);
            }
            file.force(true);
        }
        Files.move(next, path(name), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        try (FileChannel entries = FileChannel.open(folder)) {
            entries.force(true);
        }
    }

    void write(String name, String text) throws IOException {
        write(name, text.getBytes(StandardCharsets.UTF_8));
    }

    void delete(String name) throws IOException {
        Files.deleteIfExists(path(name));
    }
}
