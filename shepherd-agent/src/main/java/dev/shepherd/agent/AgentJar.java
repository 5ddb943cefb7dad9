package dev.shepherd.agent;

import dev.shepherd.agent.messages.takeover.TakeoverInit;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Packs the agent: what starts it is up to the one who packs. Safe for use by several threads. */
public final class AgentJar {

    private static final LocalDateTime EPOCH = LocalDateTime.of(1980, 1, 1, 0, 0);

    private AgentJar() {}

    /**
     * Writes the classes of the agent and of what it uses as one jar, whose bytes depend on nothing else. Its main class is
     * {@link Main}.
     *
     * @param out is not closed
     * @param level of compression, 0 for none to 9, as {@link java.util.zip.Deflater} has them
     * @param more other classes to put in, each with those that are nested in it
     * @throws IOException if the classes cannot be read or written
     */
    public static void write(OutputStream out, int level, Class<?>... more) throws IOException {
        SortedMap<String, byte[]> classes = new TreeMap<>();
        for (Class<?> one : List.of(Main.class, TakeoverInit.class, TakeoverInit.class.getSuperclass())) {
            collect(one, "", classes);
        }
        for (Class<?> one : more) {
            collect(one, one.getName().replace('.', '/'), classes);
        }
        ZipOutputStream jar = new ZipOutputStream(out);
        jar.setLevel(level);
        for (Map.Entry<String, byte[]> each : classes.entrySet()) {
            ZipEntry entry = new ZipEntry(each.getKey());
            entry.setTimeLocal(EPOCH);
            jar.putNextEntry(entry);
            jar.write(each.getValue());
            jar.closeEntry();
        }
        jar.finish();
    }

    /** Reads the classes whose names begin so from the jar, or from the folder, that one of them comes from. */
    private static void collect(Class<?> one, String prefix, Map<String, byte[]> classes) throws IOException {
        Path source;
        try {
            source = Path.of(
                    one.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new IOException(e);
        }
        if (Files.isDirectory(source)) {
            collect(source, prefix, classes);
        } else {
            // By its path and not by a URI, under which a process can have it open only once.
            try (FileSystem jar = FileSystems.newFileSystem(source)) {
                collect(jar.getPath("/"), prefix, classes);
            }
        }
    }

    private static void collect(Path root, String prefix, Map<String, byte[]> classes) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            for (Path file : files.toList()) {
                String name = root.relativize(file).toString();
                if (name.startsWith(prefix)
                        && name.endsWith(".class")
                        && !name.startsWith("META-INF")
                        && !name.equals("module-info.class")) {
                    classes.put(name, Files.readAllBytes(file));
                }
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }
}
