package dev.shepherd.testkit.ssh;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;

/** The folder that stands for the {@code /} of a host's machine. */
final class HostFolder {

    private static final int MAX_DELETE_ATTEMPTS = 5;

    private final Path root;
    private final boolean owned;

    /** Makes the folder, or takes one that it was given, which stays. */
    HostFolder(@Nullable Path given) throws IOException {
        owned = given == null;
        root = (given == null ? Files.createTempDirectory("ssh-host") : Files.createDirectories(given)).toRealPath();
        try {
            makeFolders();
        } catch (IOException | RuntimeException e) {
            delete();
            throw e;
        }
    }

    private void makeFolders() throws IOException {
        Files.createDirectories(root.resolve("root"));
        Files.createDirectories(root.resolve("tmp"));
    }

    Path root() {
        return root;
    }

    /** Returns a real path as the machine's own users know it. */
    String display(String path) {
        return path.startsWith(root + "/") ? path.substring(root.toString().length()) : path;
    }

    /** Deletes what is in it, except the folders that every machine has. */
    void clear() throws IOException {
        deleteBelow(root, false);
        makeFolders();
    }

    /** Deletes it, unless it was given. */
    void delete() {
        if (!owned) {
            return;
        }
        for (int attempt = 1; ; attempt++) {
            try {
                deleteBelow(root, true);
                return;
            } catch (DirectoryNotEmptyException e) {
                // An upload that was cut short may just have made its file.
                if (attempt == MAX_DELETE_ATTEMPTS) {
                    throw new UncheckedIOException("cannot delete " + root, e);
                }
            } catch (IOException e) {
                throw new UncheckedIOException("cannot delete " + root, e);
            }
        }
    }

    private static void deleteBelow(Path folder, boolean andItself) throws IOException {
        Files.walkFileTree(folder, new SimpleFileVisitor<Path>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.deleteIfExists(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException failure) throws IOException {
                if (failure != null) {
                    throw failure;
                }
                if (andItself || !visited.equals(folder)) {
                    Files.deleteIfExists(visited);
                }
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
