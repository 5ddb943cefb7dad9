package dev.shepherd.postgres;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A tar archive of the kind that PostgreSQL's programs come in: folders, files, symbolic links, names of up to 255. */
final class Tar {

    private static final int BLOCK = 512;

    private final InputStream in;
    private final byte[] header = new byte[BLOCK];
    private final byte[] buffer = new byte[64 * 1024];

    Tar(InputStream in) {
        this.in = in;
    }

    /** Extracts all into a folder and adds a line to {@code contents}, size and path, for each file. */
    void extract(Path folder, List<String> contents) throws IOException {
        while (in.readNBytes(header, 0, BLOCK) == BLOCK && header[0] != 0) {
            String name = name();
            long size = number(124, 12);
            Path path = folder.resolve(name).normalize();
            if (!path.startsWith(folder)) {
                throw new IOException("the archive's entry " + name + " lies outside");
            }
            switch (header[156]) {
                case '5' -> Files.createDirectories(path);
                case '2' -> {
                    Files.createDirectories(parent(path));
                    Files.createSymbolicLink(path, Path.of(text(157, 100)));
                }
                case '0', 0 -> {
                    Files.createDirectories(parent(path));
                    copy(path, size);
                    boolean executable = (number(100, 8) & 0100) != 0;
                    Folders.setPermissions(path, executable ? "rwxr-xr-x" : "rw-r--r--");
                    contents.add(size + " " + name);
                }
                default -> throw new IOException("the archive's entry " + name + " is of an unknown type");
            }
        }
        if (contents.isEmpty()) {
            throw new IOException("the archive holds no files");
        }
    }

    private static Path parent(Path path) throws IOException {
        Path parent = path.getParent();
        if (parent == null) {
            throw new IOException("the archive's entry " + path + " has no folder");
        }
        return parent;
    }

    private void copy(Path path, long size) throws IOException {
        try (OutputStream out = Files.newOutputStream(path)) {
            for (long left = size; left > 0; ) {
                int read = in.read(buffer, 0, (int) Math.min(left, buffer.length));
                if (read < 0) {
                    throw new EOFException("the archive ends within " + path.getFileName());
                }
                out.write(buffer, 0, read);
                left -= read;
            }
        }
        in.skipNBytes((BLOCK - size % BLOCK) % BLOCK);
    }

    private String name() {
        String prefix = text(257, 5).equals("ustar") && header[262] == 0 ? text(345, 155) : "";
        String name = text(0, 100);
        return prefix.isEmpty() ? name : prefix + "/" + name;
    }

    private String text(int offset, int length) {
        int end = offset;
        while (end < offset + length && header[end] != 0) {
            end++;
        }
        return new String(header, offset, end - offset, StandardCharsets.UTF_8);
    }

    private long number(int offset, int length) throws IOException {
        String digits = text(offset, length).strip();
        try {
            return digits.isEmpty() ? 0 : Long.parseLong(digits, 8);
        } catch (NumberFormatException e) {
            throw new IOException("the archive is broken: " + digits + " is no number", e);
        }
    }
}
