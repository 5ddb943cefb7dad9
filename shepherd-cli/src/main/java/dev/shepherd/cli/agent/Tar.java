package dev.shepherd.cli.agent;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * Writes a folder as a tar archive (POSIX.1-1988, ustar) that depends on names, contents and links alone: all belong to root,
 * were changed in 1970, and come in the order of their names.
 */
final class Tar {

    private static final int BLOCK = 512;
    private static final int NAME_BYTES = 100;

    private final OutputStream out;

    Tar(OutputStream out) {
        this.out = out;
    }

    /** Writes all that is below a folder, and the archive's end. */
    void writeAll(Path root) throws IOException {
        List<Path> all;
        try (Stream<Path> files = Files.walk(root)) {
            all = files.filter(file -> !file.equals(root)).sorted().toList();
        }
        for (Path file : all) {
            String name = root.relativize(file).toString();
            if (Files.isSymbolicLink(file)) {
                header(name, 0777, 0, '2', Files.readSymbolicLink(file).toString());
            } else if (Files.isDirectory(file)) {
                header(name + "/", 0755, 0, '5', "");
            } else {
                byte[] content = Files.readAllBytes(file);
                header(name, Files.isExecutable(file) ? 0755 : 0644, content.length, '0', "");
                out.write(content);
                out.write(new byte[(BLOCK - content.length % BLOCK) % BLOCK]);
            }
        }
        out.write(new byte[2 * BLOCK]);
    }

    private void header(String name, int mode, long size, char type, String link) throws IOException {
        byte[] header = new byte[BLOCK];
        put(header, 0, NAME_BYTES, name);
        put(header, 100, 8, octal(mode, 7));
        put(header, 108, 8, "0000000");
        put(header, 116, 8, "0000000");
        put(header, 124, 12, octal(size, 11));
        put(header, 136, 12, "00000000000");
        put(header, 148, 8, "        ");
        header[156] = (byte) type;
        put(header, 157, NAME_BYTES, link);
        put(header, 257, 6, "ustar");
        put(header, 263, 2, "00");
        put(header, 265, 32, "root");
        put(header, 297, 32, "root");
        int sum = 0;
        for (byte each : header) {
            sum += each & 0xff;
        }
        put(header, 148, 7, octal(sum, 6));
        out.write(header);
    }

    private static String octal(long number, int digits) {
        String octal = Long.toOctalString(number);
        return "0".repeat(digits - octal.length()) + octal;
    }

    private static void put(byte[] header, int at, int most, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        if (bytes.length > most) {
            throw new IOException("\"" + text + "\" is longer than the " + most + " bytes that an archive has for it");
        }
        System.arraycopy(bytes, 0, header, at, bytes.length);
    }
}
