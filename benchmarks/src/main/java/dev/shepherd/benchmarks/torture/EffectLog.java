package dev.shepherd.benchmarks.torture;

import dev.shepherd.benchmarks.torture.Effect.Kind;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * What one manager did, in files that are only appended to, each line with one write: what a process wrote outlives its
 * death, and others can read along. Safe for use by several threads.
 */
final class EffectLog implements AutoCloseable {

    /** What the provider's side of the processes shares: they read one another's. */
    static final String CREATIONS = "creations-";

    static final String EFFECTS = "effects-";

    private final int manager;
    // Streams, since a channel closes itself under a thread that is interrupted.
    private final FileOutputStream creations;
    private final FileOutputStream effects;

    EffectLog(Path folder, int manager) throws IOException {
        this.manager = manager;
        this.creations =
                new FileOutputStream(folder.resolve(CREATIONS + manager).toFile(), true);
        this.effects = new FileOutputStream(folder.resolve(EFFECTS + manager).toFile(), true);
    }

    void add(Kind kind, String machine, String first, String second) {
        boolean creation = kind == Kind.CREATE || kind == Kind.RECORDED;
        FileOutputStream to = creation ? creations : effects;
        Effect effect = new Effect(Effect.now(), manager, kind, machine, first, second);
        try {
            to.write((effect.line() + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException("what a manager does cannot be logged", e);
        }
    }

    @Override
    public void close() throws IOException {
        creations.close();
        effects.close();
    }
}
