package dev.shepherd.manager.takeover;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/** An agent executable in a file. */
final class FileExecutable implements AgentExecutable {

    private final Path path;

    FileExecutable(Path path) {
        this.path = Objects.requireNonNull(path, "path");
    }

    @Override
    public long length() throws IOException {
        if (Files.isDirectory(path)) {
            throw new IOException(path + " is a directory");
        }
        return Files.size(path);
    }

    @Override
    public InputStream open() throws IOException {
        return Files.newInputStream(path);
    }

    @Override
    public String toString() {
        return path.toString();
    }
}
