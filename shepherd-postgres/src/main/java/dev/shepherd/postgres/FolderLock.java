package dev.shepherd.postgres;

import dev.shepherd.postgres.PostgresException.Reason;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.EnumSet;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * The operating system's lock on a server's folder. One server of one process holds it at a time, and it goes with
 * the process, however that ends. The file tells the holder's process id.
 */
final class FolderLock implements AutoCloseable {

    static final String FILE = "postgres.lock";

    /** Beyond the text, since Windows does not let others read what is locked. */
    private static final long POSITION = 1L << 30;

    /**
     * The files that this process has locked. Where locks are POSIX's, a process loses its lock on a file as soon as
     * it closes any descriptor of that file, so one that is held here must not even be opened to look.
     */
    private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

    /** Channels of files that a copy of this class in another class loader holds: closing one would unlock it. */
    private static final Queue<FileChannel> NEVER_CLOSED = new ConcurrentLinkedQueue<>();

    private final Path folder;
    private final Path file;
    private final FileChannel channel;

    private FolderLock(Path folder, Path file, FileChannel channel) {
        this.folder = folder;
        this.file = file;
        this.channel = channel;
    }

    /**
     * Takes the lock on a folder, given as its real path.
     *
     * @throws PostgresException if another process or server holds it
     */
    static FolderLock acquire(Path folder) {
        try {
            FolderLock lock = tryAcquire(folder);
            if (lock == null) {
                throw new PostgresException(
                        Reason.FOLDER_IN_USE,
                        "The folder " + folder + " is in use by " + holder(folder)
                                + ": use that server, stop it first, or choose another folder");
            }
            return lock;
        } catch (IOException e) {
            throw new PostgresException(Reason.NOT_STARTED, "The folder " + folder + " cannot be locked: " + e, e);
        }
    }

    /** Takes the lock on a folder, given as its real path, or returns null if it is held. */
    static @Nullable FolderLock tryAcquire(Path folder) throws IOException {
        return tryAcquire(folder, FILE);
    }

    /** Takes another lock than a server's on a folder, by the name of its file. */
    static @Nullable FolderLock tryAcquire(Path folder, String name) throws IOException {
        Path file = folder.resolve(name);
        if (!HELD.add(file)) {
            return null;
        }
        boolean held = false;
        try {
            FileChannel channel = FileChannel.open(
                    file,
                    EnumSet.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
                    Folders.privateFile());
            FileLock locked;
            try {
                locked = channel.tryLock(POSITION, 1, false);
            } catch (OverlappingFileLockException e) {
                NEVER_CLOSED.add(channel);
                return null;
            } catch (IOException e) {
                channel.close();
                throw e;
            }
            if (locked == null) {
                channel.close();
                return null;
            }
            held = true;
            FolderLock lock = new FolderLock(folder, file, channel);
            lock.write(ProcessHandle.current().pid() + " since " + Instant.now().truncatedTo(ChronoUnit.SECONDS));
            return lock;
        } finally {
            if (!held) {
                HELD.remove(file);
            }
        }
    }

    private static String holder(Path folder) throws IOException {
        Path file = folder.resolve(FILE);
        long self = ProcessHandle.current().pid();
        if (HELD.contains(file)) {
            return "another server of this process, " + self;
        }
        String text = Files.readString(file).strip();
        return text.isEmpty() ? "another process" : "process " + text;
    }

    Path folder() {
        return folder;
    }

    private void write(String text) throws IOException {
        channel.truncate(0);
        channel.write(ByteBuffer.wrap((text + "\n").getBytes(StandardCharsets.UTF_8)), 0);
    }

    /** Gives the lock back. The file stays: to delete it would let two processes lock two files of one name. */
    @Override
    public void close() throws IOException {
        if (!channel.isOpen()) {
            return;
        }
        try (channel) {
            write("");
        } finally {
            HELD.remove(file);
        }
    }
}
