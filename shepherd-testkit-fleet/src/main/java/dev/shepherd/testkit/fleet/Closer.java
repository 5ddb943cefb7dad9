package dev.shepherd.testkit.fleet;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** What a fleet is made of, closed in reverse order; each part whatever became of the others. One thread uses it. */
final class Closer {

    private final Deque<AutoCloseable> parts = new ArrayDeque<>();

    <T extends AutoCloseable> T own(T part) {
        parts.push(part);
        return part;
    }

    /** Makes a temporary folder. */
    Path folder() throws IOException {
        Path folder = Files.createTempDirectory("shepherd-fleet");
        parts.push(() -> delete(folder));
        return folder;
    }

    /**
     * Closes all.
     *
     * @param failure what is thrown anyway: what fails is added to it. If there is none, it is thrown
     */
    void closeAfter(@Nullable Throwable failure) {
        Throwable first = failure;
        while (!parts.isEmpty()) {
            try {
                parts.pop().close();
            } catch (Exception | Error e) {
                if (e instanceof InterruptedException) {
                    Thread.currentThread().interrupt();
                }
                if (first == null) {
                    first = e;
                } else {
                    first.addSuppressed(e);
                }
            }
        }
        if (failure == null && first != null) {
            throw unchecked(first);
        }
    }

    /** Returns or throws what needs no declaration. */
    static RuntimeException unchecked(Throwable failure) {
        if (failure instanceof Error error) {
            throw error;
        }
        return failure instanceof RuntimeException already
                ? already
                : new IllegalStateException("cannot close a part of the fleet: " + failure, failure);
    }

    private static void delete(Path folder) throws IOException {
        Files.walkFileTree(folder, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
                    throws IOException {
                if (failure != null) {
                    throw failure;
                }
                Files.delete(directory);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
