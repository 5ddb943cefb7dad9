package dev.shepherd.provider.staticlist.list;

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
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A list in a file, recognized by its size, its place in the file system and two times: that of its modification, which
 * image builders, archives and the like set as they please, and that of its change, which no program can set. Where
 * there is no time of change, the file is read each time.
 */
final class FileSource implements ListSource {

    /**
     * How old a time must be to vouch for the content: file systems count in steps of up to two seconds, within which
     * a second change would not show.
     */
    private static final Duration SETTLED = Duration.ofSeconds(3);

    /**
     * Others give a time that goes by this name, and is that of the modification or of the creation: FAT, many in user
     * space.
     */
    private static final Set<String> WITH_TIME_OF_CHANGE = Set.of(
            "apfs",
            "bcachefs",
            "btrfs",
            "ext2",
            "ext3",
            "ext4",
            "f2fs",
            "hfs",
            "jfs",
            "nfs",
            "nfs4",
            "overlay",
            "tmpfs",
            "ufs",
            "xfs",
            "zfs");

    private static final String CHANGED = "ctime";

    private record FileVersion(
            FileTime modified,
            FileTime changed,
            long size,
            @Nullable Object key) implements Version {

        boolean isOlderThan(Instant time) {
            return modified.toInstant().isBefore(time) && changed.toInstant().isBefore(time);
        }
    }

    /**
     * What the file system says of the file at one moment.
     *
     * @param version what to recognize the content by, or null if a change of it might not show
     */
    private record Look(boolean isFile, long size, @Nullable FileVersion version) {}

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
        Look look = look();
        FileVersion version = look.version();
        if (version != null && version.equals(known)) {
            return Optional.empty();
        }
        byte[] bytes = content(look.size());
        boolean vouches = version != null && version.isOlderThan(now.minus(SETTLED)) && hasTimeOfChange();
        return Optional.of(new Content(bytes, vouches ? version : null));
    }

    private Look look() throws IOException {
        Look look;
        try {
            look = path.getFileSystem().supportedFileAttributeViews().contains("unix") ? lookAtUnix() : lookAtOthers();
        } catch (NoSuchFileException e) {
            throw new UnreadableListException(Reason.TRANSIENT, "the file does not exist");
        }
        if (!look.isFile()) {
            // Opening a named pipe would wait for a writer, regardless of the timeout.
            throw new UnreadableListException(Reason.TRANSIENT, "it is not a regular file");
        }
        return look;
    }

    private Look lookAtUnix() throws IOException {
        Map<String, Object> found =
                Files.readAttributes(path, "unix:isRegularFile,size,lastModifiedTime,fileKey," + CHANGED);
        boolean isFile = found.get("isRegularFile") == Boolean.TRUE;
        long size = found.get("size") instanceof Long known ? known : 0;
        FileVersion version = found.get("lastModifiedTime") instanceof FileTime modified
                        && found.get(CHANGED) instanceof FileTime changed
                ? new FileVersion(modified, changed, size, found.get("fileKey"))
                : null;
        return new Look(isFile, size, version);
    }

    private Look lookAtOthers() throws IOException {
        BasicFileAttributes found = Files.readAttributes(path, BasicFileAttributes.class);
        return new Look(found.isRegularFile(), found.size(), null);
    }

    private boolean hasTimeOfChange() {
        try {
            return WITH_TIME_OF_CHANGE.contains(Files.getFileStore(path).type());
        } catch (IOException e) {
            return false; // Where there is no mount table to look at, such as in some containers.
        }
    }

    private byte[] content(long size) throws IOException {
        if (size > maxBytes) {
            throw UnreadableListException.tooLarge(maxBytes);
        }
        try (InputStream in = Files.newInputStream(path)) {
            byte[] bytes = in.readNBytes((int) size);
            // One more than allowed: files of /proc, and those that grow meanwhile, hold more than their size says.
            byte[] more = in.readNBytes(maxBytes + 1 - bytes.length);
            if (bytes.length + more.length > maxBytes) {
                throw UnreadableListException.tooLarge(maxBytes);
            }
            if (more.length == 0) {
                return bytes;
            }
            byte[] all = Arrays.copyOf(bytes, bytes.length + more.length);
            System.arraycopy(more, 0, all, bytes.length, more.length);
            return all;
        } catch (AccessDeniedException e) {
            throw new UnreadableListException(Reason.TRANSIENT, "access to the file is denied");
        }
    }
}
