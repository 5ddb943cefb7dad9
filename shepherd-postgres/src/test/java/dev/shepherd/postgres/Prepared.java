package dev.shepherd.postgres;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.stream.Stream;

/** Folders as a start leaves them, made of copies: to unpack and to lay out data anew takes seconds each time. */
final class Prepared {

    private Prepared() {}

    /** Puts PostgreSQL's programs into a folder, made if need be, as if they had been unpacked there. */
    static Path binariesIn(Path folder) throws IOException {
        Account account = Account.current();
        Path root = Path.of(TemporaryFolders.open(account).binaries().program("postgres"))
                .getParent()
                .getParent();
        copy(root, Files.createDirectories(folder).resolve(root.getFileName()), true);
        return folder;
    }

    /** Copies a folder with all that is in it. Files that nobody writes to may be the same ones. */
    static void copy(Path from, Path to, boolean readOnly) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Path target = to.resolve(from.relativize(file).toString());
                if (readOnly && Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
                    link(target, file);
                } else {
                    Files.copy(file, target, StandardCopyOption.COPY_ATTRIBUTES, LinkOption.NOFOLLOW_LINKS);
                }
            }
        }
    }

    private static void link(Path target, Path file) throws IOException {
        try {
            Files.createLink(target, file);
        } catch (FileSystemException | UnsupportedOperationException e) {
            // It is on another file system.
            Files.copy(file, target, StandardCopyOption.COPY_ATTRIBUTES);
        }
    }
}
