package dev.shepherd.provider.staticlist;

import dev.shepherd.api.ProviderException.Reason;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A list in a file, recognized by its modification time, its size and its place in the file system. */
final class FileSource implements ListSource {

    /**
     * How old a modification time must be to vouch for the content: FAT counts in steps of two seconds,
     * within which a second change would not show.
     */
    private static final Duration SETTLED = Duration.ofSeconds(3);

    private record FileVersion(
            FileTime modified, long size, @Nullable Object key) implements Version {

        static FileVersion of(BasicFileAttributes attributes) {
            return new FileVersion(attributes.lastModifiedTime(), attributes.size(), attributes.fileKey());
        }
    }

    private final Path path;
    private final int maxBytes;
    private final Clock clock;

    FileSource(Path path, int maxBytes, Clock clock) {
        this.path = path;
        this.maxBytes = maxBytes;
        this.clock = clock;
    }

    /** Not {@link Path#toUri()}, which asks the file system. */
    @Override
    public String location() {
        return "file:" + path;
    }

    @Override
    public Optional<Content> read(@Nullable Version known) throws IOException {
        Instant now = clock.instant();
        // Before the content: a write in between then shows at the next read.
        BasicFileAttributes attributes = attributes();
        FileVersion version = FileVersion.of(attributes);
        if (version.equals(known)) {
            return Optional.empty();
        }
        byte[] bytes = content(attributes);
        boolean settled = version.modified().toInstant().isBefore(now.minus(SETTLED));
        return Optional.of(new Content(bytes, settled ? version : null));
    }

    private BasicFileAttributes attributes() throws IOException {
        BasicFileAttributes attributes;
        try {
            attributes = Files.readAttributes(path, BasicFileAttributes.class);
        } catch (NoSuchFileException e) {
            throw new UnreadableListException(Reason.TRANSIENT, "the file does not exist");
        }
        if (!attributes.isRegularFile()) {
            // Opening a named pipe would wait for a writer, whatever the timeout.
            throw new UnreadableListException(Reason.TRANSIENT, "it is not a regular file");
        }
        return attributes;
    }

    private byte[] content(BasicFileAttributes attributes) throws IOException {
        if (attributes.size() > maxBytes) {
            throw UnreadableListException.tooLarge(maxBytes);
        }
        try (InputStream in = Files.newInputStream(path)) {
            // One more than allowed: files of /proc, and those that grow meanwhile, hold more than their size says.
            byte[] bytes = in.readNBytes(maxBytes + 1);
            if (bytes.length > maxBytes) {
                throw UnreadableListException.tooLarge(maxBytes);
            }
            return bytes;
        } catch (AccessDeniedException e) {
            throw new UnreadableListException(Reason.TRANSIENT, "access to the file is denied");
        }
    }
}
