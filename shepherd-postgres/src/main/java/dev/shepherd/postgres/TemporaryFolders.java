package dev.shepherd.postgres;

import dev.shepherd.postgres.PostgresException.Reason;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The folders in which a user's temporary servers live: one folder each, locked by its process, and the binaries that
 * they share.
 */
final class TemporaryFolders {

    static final String TMPDIR_PROPERTY = "shepherd.postgres.tmpdir";
    static final String DATADIR_PROPERTY = "shepherd.postgres.datadir";

    /** What a few servers at once fill: less would be no help, as in a container, where memory has 64 MB. */
    private static final long DATADIR_ROOM_BYTES = 2L << 30;

    private static final Logger LOG = LoggerFactory.getLogger(TemporaryFolders.class);
    private static final Duration ABANDONED_AFTER = Duration.ofHours(1);

    /** What the names of this process's folders begin with; the number alone comes again, in a container above all. */
    private static final String OWN = ProcessHandle.current().pid() + "-"
            + ProcessHandle.current()
                    .info()
                    .startInstant()
                    .orElse(Instant.EPOCH)
                    .toEpochMilli() + "-";

    private final Path servers;
    private final Binaries binaries;
    private final Account account;

    private TemporaryFolders(Path servers, Binaries binaries, Account account) {
        this.servers = servers;
        this.binaries = binaries;
        this.account = account;
    }

    static TemporaryFolders open(Account account) throws IOException {
        Path top = top(Path.of(parent()), account);
        Path data = dataParent(System.getProperty(DATADIR_PROPERTY, ""), DATADIR_ROOM_BYTES);
        Path servers = (data == null ? top : top(data, account)).resolve("temporary");
        create(servers);
        letThrough(servers, account);
        return new TemporaryFolders(servers, Binaries.in(top, null, account), account);
    }

    /** Returns the folder that temporary servers have their binaries in, if there is one and it is this user's. */
    static @Nullable Path existing() {
        Path top = named(Path.of(parent()));
        try {
            requireOwn(top);
            return top;
        } catch (IOException | PostgresException e) {
            LOG.debug("There are no binaries in {}", top, e);
            return null;
        }
    }

    private static Path named(Path parent) {
        String user = Account.userName().replaceAll("[^A-Za-z0-9._-]", "_");
        return parent.toAbsolutePath().resolve("shepherd-postgres-" + user);
    }

    /** Returns this user's folder in another, made if need be. */
    private static Path top(Path parent, Account account) throws IOException {
        Files.createDirectories(parent);
        Path top = named(parent);
        create(top);
        requireOwn(top);
        letThrough(top, account);
        return top.toRealPath();
    }

    /** Returns where the data is to be, if that is said and there is room; else it is beside the binaries. */
    static @Nullable Path dataParent(String named, long needed) throws IOException {
        if (named.isBlank()) {
            return null;
        }
        Path parent = Path.of(named);
        if (!Files.isDirectory(parent) || !Files.isWritable(parent)) {
            LOG.debug("There is no folder {} that can be written to: the data is beside the binaries", parent);
            return null;
        }
        long room = Files.getFileStore(parent).getUsableSpace();
        if (room < needed) {
            LOG.debug("{} has room for {} bytes only: the data is beside the binaries", parent, room);
            return null;
        }
        return parent;
    }

    static String parent() {
        return System.getProperty(TMPDIR_PROPERTY, System.getProperty("java.io.tmpdir"));
    }

    private static void create(Path folder) throws IOException {
        try {
            Files.createDirectory(folder, Folders.privateFolder());
        } catch (FileAlreadyExistsException e) {
            // An earlier server's, or another process's.
        }
    }

    /** The folder may lie where everybody can write, and programs are run from it. */
    private static void requireOwn(Path folder) throws IOException {
        boolean own = false;
        if (Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
            Path probe = Files.createTempFile(folder, "owner", ".tmp");
            try {
                own = Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS).equals(Files.getOwner(probe));
            } finally {
                Files.delete(probe);
            }
        }
        if (!own) {
            throw new PostgresException(
                    Reason.NOT_STARTED,
                    "The folder " + folder + " belongs to another user: remove it, or name another parent in the"
                            + " system property " + TMPDIR_PROPERTY);
        }
    }

    /** Lets the account, and no other, pass through a folder. */
    private static void letThrough(Path folder, Account account) throws IOException {
        Folders.setPermissions(folder, account.isOther() ? "rwx--x--x" : "rwx------");
    }

    Binaries binaries() {
        return binaries;
    }

    /** Makes a folder for a server and locks it. */
    FolderLock next() throws IOException {
        while (true) {
            Path home = Files.createDirectory(servers.resolve(OWN + UUID.randomUUID()), Folders.privateFolder());
            FolderLock lock = FolderLock.tryAcquire(home);
            if (lock != null) {
                return lock;
            }
            // Another process's sweep took it before it was locked.
        }
    }

    /** Stops and deletes the servers of processes that were killed. What fails is left to the next sweep. */
    void sweep() {
        try {
            for (Path home : Folders.list(servers)) {
                if (!home.getFileName().toString().startsWith(OWN)) {
                    clearAway(home);
                }
            }
        } catch (IOException e) {
            LOG.debug("What killed processes left in {} cannot be cleared away", servers, e);
        }
    }

    private void clearAway(Path home) {
        try {
            boolean young = !Files.exists(home.resolve(FolderLock.FILE))
                    && Files.getLastModifiedTime(home)
                            .toInstant()
                            .isAfter(Instant.now().minus(ABANDONED_AFTER));
            FolderLock lock = young ? null : FolderLock.tryAcquire(home);
            if (lock != null) {
                try (lock) {
                    Postmaster.temporary(home, binaries, account).stopOrphan();
                    Folders.deleteWhileInUse(home);
                    LOG.debug("Cleared away {}, which a killed process left", home);
                }
            }
        } catch (IOException | RuntimeException e) {
            LOG.debug("What a killed process left in {} cannot be cleared away", home, e);
        }
    }
}
