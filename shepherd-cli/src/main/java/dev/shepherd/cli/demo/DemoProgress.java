package dev.shepherd.cli.demo;

import dev.shepherd.cli.internal.Logging;
import dev.shepherd.cli.internal.Terminal;
import java.io.PrintWriter;
import java.util.Locale;

/**
 * Shows how far a demo is: one line that is drawn again on a terminal, a line for each step elsewhere. Safe for use by
 * several threads.
 */
final class DemoProgress implements AutoCloseable {

    private static final int BAR = 30;

    private final PrintWriter out;
    private final int machines;
    private final boolean terminal;
    private final long startedAt = System.nanoTime();
    private long loggedTenth = -1;
    private int drawn;

    private DemoProgress(PrintWriter out, int machines, boolean terminal) {
        this.out = out;
        this.machines = machines;
        this.terminal = terminal;
    }

    static DemoProgress on(PrintWriter out, int machines) {
        boolean terminal = Logging.isTerminal();
        return new DemoProgress(terminal ? new PrintWriter(Terminal.bare(), true) : out, machines, terminal);
    }

    synchronized void stage(String what) {
        clear();
        out.printf(Locale.ROOT, "%6.1f s  %s%n", seconds(), what);
        out.flush();
    }

    synchronized void counts(long provided, long inProgress, long started, long heard, long failures) {
        String text = String.format(
                Locale.ROOT,
                "%6.1f s  %d of %d recorded, %d being taken over, %d of %d agents started, %d heard%s",
                seconds(),
                provided,
                machines,
                inProgress,
                started,
                machines,
                heard,
                failures == 0 ? "" : ", " + failures + " failed takeover(s)");
        if (terminal) {
            int filled = (int) (started * BAR / machines);
            draw("[" + "#".repeat(filled) + ".".repeat(BAR - filled) + "]" + text);
        } else if ((provided + started) * 10 / machines != loggedTenth) {
            loggedTenth = (provided + started) * 10 / machines;
            out.println(text);
            out.flush();
        }
    }

    private void draw(String line) {
        out.print("\r" + line + " ".repeat(Math.max(0, drawn - line.length())));
        out.flush();
        drawn = line.length();
    }

    private void clear() {
        if (drawn > 0) {
            draw("");
            out.print("\r");
            drawn = 0;
        }
    }

    private double seconds() {
        return (System.nanoTime() - startedAt) / 1e9;
    }

    @Override
    public synchronized void close() {
        if (drawn > 0) {
            out.println();
            drawn = 0;
        }
        out.flush();
    }
}
