package dev.shepherd.agent.inventory;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The files of a machine below a root folder, each read within limits of size and time: a device that hangs can keep
 * a read of its attributes from ever ending, and no thread can be made to give that up. So each read is on a thread
 * that is left behind where it hangs; while {@value #MOST_HANGING} of those hang nothing more is read. A file that is
 * not there, or cannot be read, is empty.
 *
 * <p>For one thread.
 */
final class SystemFiles {

    /** The longest file, unless more is asked for: an attribute has a page at most. */
    static final int LONGEST = 64 * 1024;

    private static final int MOST_NAMES = 8192;
    private static final int MOST_HANGING = 3;

    /** What all reads may take: 60 s. A machine that is that slow has other things to do. */
    private static final Duration LONGEST_OF_ALL = Duration.ofSeconds(60);

    private final Path root;
    private final Duration limit;
    private final List<String> warnings;
    private final List<Thread> hanging = new ArrayList<>();
    private long spentNanos;
    private boolean outOfTime;

    /**
     * Makes one.
     *
     * @param limit how long one read may take
     * @param warnings where what hangs is told
     */
    SystemFiles(Path root, Duration limit, List<String> warnings) {
        this.root = root;
        this.limit = limit;
        this.warnings = warnings;
    }

    /**
     * Reads an attribute: a text without white space around, and without characters that a text has not. Empty if it
     * has none.
     */
    Optional<String> text(String path) {
        return bytes(path, LONGEST)
                .map(bytes -> clean(new String(bytes, StandardCharsets.UTF_8)))
                .filter(text -> !text.isEmpty());
    }

    /** Takes out what does not belong into a text of one line. */
    static String clean(String text) {
        StringBuilder clean = new StringBuilder(text.length());
        text.codePoints()
                .filter(c -> !Character.isISOControl(c) && c != 0xfffd && Character.getType(c) != Character.FORMAT)
                .forEach(clean::appendCodePoint);
        return clean.toString().strip();
    }

    /** Reads a number; empty if there is none. */
    OptionalLong number(String path) {
        return number(text(path));
    }

    static OptionalLong number(Optional<String> text) {
        try {
            return text.isEmpty() ? OptionalLong.empty() : OptionalLong.of(Long.decode(text.get()));
        } catch (NumberFormatException e) {
            return OptionalLong.empty();
        }
    }

    /** Reads lines, of which there may be many. */
    List<String> lines(String path, int longest) {
        return bytes(path, longest)
                .map(bytes -> new String(bytes, StandardCharsets.UTF_8).lines().toList())
                .orElse(List.of());
    }

    /** Reads a file, of which only the beginning if it is longer. */
    Optional<byte[]> bytes(String path, int longest) {
        return read(path, file -> {
            try (InputStream in = Files.newInputStream(file)) {
                return in.readNBytes(longest);
            }
        });
    }

    /** Returns what is in a folder, in the order of names and numbers. */
    List<String> names(String path) {
        return read(path, folder -> {
                    List<String> names = new ArrayList<>();
                    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
                        for (Path entry : entries) {
                            if (names.size() < MOST_NAMES) {
                                names.add(String.valueOf(entry.getFileName()));
                            }
                        }
                    } catch (DirectoryIteratorException e) {
                        throw e.getCause();
                    }
                    names.sort(SystemFiles::inOrder);
                    return names;
                })
                .orElse(List.of());
    }

    /** So that cpu10 comes behind cpu9. */
    private static int inOrder(String one, String other) {
        String numbers = "\\d+$";
        String first = one.replaceFirst(numbers, "");
        String second = other.replaceFirst(numbers, "");
        int byName = first.equals(second) ? Integer.compare(one.length(), other.length()) : first.compareTo(second);
        return byName != 0 ? byName : one.compareTo(other);
    }

    /** Tells whether there is a file or folder. */
    boolean has(String path) {
        return read(path, Files::exists).orElse(false);
    }

    private interface Read<T> {
        T of(Path file) throws IOException;
    }

    private <T> Optional<T> read(String path, Read<T> read) {
        Path file;
        try {
            file = root.resolve(path.substring(1));
        } catch (InvalidPathException e) {
            return Optional.empty();
        }
        // Where the machine was merely slow, they have ended.
        hanging.removeIf(thread -> !thread.isAlive());
        if (hanging.size() >= MOST_HANGING) {
            return Optional.empty();
        }
        if (spentNanos > LONGEST_OF_ALL.toNanos()) {
            if (!outOfTime) {
                outOfTime = true;
                warnings.add("reading took more than " + LONGEST_OF_ALL.toSeconds() + " s: the rest was not read");
            }
            return Optional.empty();
        }
        long start = System.nanoTime();
        Optional<T> result = within(() -> read.of(file), path);
        spentNanos += System.nanoTime() - start;
        return result;
    }

    private <T> Optional<T> within(Callable<T> read, String path) {
        FutureTask<T> task = new FutureTask<>(read);
        Thread thread = new Thread(task, "shepherd-inventory");
        thread.setDaemon(true);
        thread.start();
        try {
            return Optional.ofNullable(task.get(limit.toMillis(), TimeUnit.MILLISECONDS));
        } catch (TimeoutException e) {
            task.cancel(true);
            hanging.add(thread);
            warnings.add(path + " could not be read within " + limit.toSeconds() + " s"
                    + (hanging.size() < MOST_HANGING ? "" : ": nothing more was read"));
            return Optional.empty();
        } catch (ExecutionException e) {
            return Optional.empty();
        } catch (InterruptedException e) {
            task.cancel(true);
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }
}
