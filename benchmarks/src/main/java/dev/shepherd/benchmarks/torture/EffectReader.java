package dev.shepherd.benchmarks.torture;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Reads along what all managers log. Not safe for several threads. */
final class EffectReader {

    private final Path folder;
    private final List<String> prefixes;
    private final Map<Path, Long> positions = new HashMap<>();

    /** @param prefixes what the names of the files to read begin with */
    EffectReader(Path folder, List<String> prefixes) {
        this.folder = folder;
        this.prefixes = List.copyOf(prefixes);
    }

    /** Returns what was logged since the last call. A line that is not whole yet is left for the next one. */
    List<Effect> next() throws IOException {
        List<Effect> effects = new ArrayList<>();
        List<Path> files;
        try (Stream<Path> all = Files.list(folder)) {
            files = all.filter(file ->
                            prefixes.stream().anyMatch(file.getFileName().toString()::startsWith))
                    .toList();
        }
        for (Path file : files) {
            long from = positions.getOrDefault(file, 0L);
            if (Files.size(file) > from) {
                positions.put(file, read(file, from, effects));
            }
        }
        return effects;
    }

    private static long read(Path file, long from, List<Effect> effects) throws IOException {
        byte[] bytes;
        try (RandomAccessFile reader = new RandomAccessFile(file.toFile(), "r")) {
            bytes = new byte[Math.toIntExact(reader.length() - from)];
            reader.seek(from);
            reader.readFully(bytes);
        }
        int start = 0;
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == '\n') {
                Effect.parse(new String(bytes, start, i - start, StandardCharsets.UTF_8))
                        .ifPresent(effects::add);
                start = i + 1;
            }
        }
        return from + start;
    }
}
