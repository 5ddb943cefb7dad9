package dev.shepherd.postgres;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Makes the files of a server, readable by their owner only, and deletes them thoroughly. */
final class Folders {

    static final boolean POSIX =
            FileSystems.getDefault().supportedFileAttributeViews().contains("posix");

    private static final int DELETE_ATTEMPTS = 50;
    private static final long DELETE_PAUSE_MILLIS = 100;

    private Folders() {}

    static FileAttribute<?>[] privateFolder() {
        return permissions("rwx------");
    }

    static FileAttribute<?>[] privateFile() {
        return permissions("rw-------");
    }

    private static FileAttribute<?>[] permissions(String permissions) {
        return POSIX
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
                }
                : new FileAttribute<?>[0];
    }

    static void setPermissions(Path path, String permissions) throws IOException {
        if (POSIX) {
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
        }
    }

    /** Writes a file that only its owner can read, in one step, and through to the disk. */
    static void writePrivately(Path file, String text) throws IOException {
        Path next = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(next);
        Files.createFile(next, privateFile());
        Files.writeString(next, text, StandardCharsets.UTF_8, StandardOpenOption.WRITE, StandardOpenOption.SYNC);
        Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    static List<Path> list(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.sorted().toList();
        }
    }

    /**
     * Copies a folder whose files may change, shrink and vanish meanwhile.
     *
     * @param leftEmpty the names of folders of which only the folder itself is copied
     * @param leftOut the names of files that are not copied
     * @param account who is to own the copy
     */
    static void copyWhileInUse(Path from, Path to, Set<String> leftEmpty, Set<String> leftOut, Account account)
            throws IOException {
        Files.walkFileTree(from, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) throws IOException {
                Path target = to.resolve(from.relativize(folder).toString());
                if (!Files.exists(target)) {
                    Files.createDirectory(target, privateFolder());
                    account.own(target);
                }
                boolean empty = leftEmpty.contains(folder.getFileName().toString());
                return empty ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                if (!leftOut.contains(file.getFileName().toString())) {
                    Path target = to.resolve(from.relativize(file).toString());
                    try {
                        Files.copy(file, target);
                        account.own(target);
                    } catch (NoSuchFileException e) {
                        // Deleted since the folder was read.
                    }
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
                if (e instanceof NoSuchFileException) {
                    return FileVisitResult.CONTINUE;
                }
                throw e;
            }
        });
    }

    /** Deletes a folder that processes may still write to as they end. */
    static void deleteWhileInUse(Path folder) throws IOException {
        for (int attempt = 1; ; attempt++) {
            try {
                delete(folder);
                return;
            } catch (FileSystemException e) {
                if (attempt == DELETE_ATTEMPTS) {
                    throw e;
                }
            }
            try {
                Thread.sleep(DELETE_PAUSE_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("interrupted while deleting " + folder);
            }
        }
    }

    /** Deletes a file or a folder with all that is in it, if it exists; links are deleted, not followed. */
    static void delete(Path path) throws IOException {
        try {
            Files.walkFileTree(path, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.deleteIfExists(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
                    if (e instanceof NoSuchFileException) {
                        return FileVisitResult.CONTINUE;
                    }
                    throw e;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException e) throws IOException {
                    if (e != null) {
                        throw e;
                    }
                    Files.deleteIfExists(folder);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (NoSuchFileException e) {
            // That is what was asked for.
        }
    }
}
