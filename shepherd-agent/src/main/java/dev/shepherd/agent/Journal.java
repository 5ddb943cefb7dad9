package dev.shepherd.agent;

import java.time.Instant;
import java.time.temporal.ChronoUnit;

/**
 * What the agent tells people: lines on standard error. Under systemd these go to the journal, with the level as it
 * expects it ({@code sd-daemon(3)}); otherwise to a file, with the time.
 */
final class Journal {

    private static final boolean SYSTEMD = System.getenv("JOURNAL_STREAM") != null;

    private Journal() {}

    static void info(String line) {
        write("<6>", "", line);
    }

    static void warning(String line) {
        write("<4>", "WARN ", line);
    }

    private static void write(String level, String word, String line) {
        // What others say may hold any characters; a line is a line.
        String safe = line.replaceAll("\\p{Cntrl}|\\p{Cf}|\\R", "?");
        if (SYSTEMD) {
            System.err.println(level + safe);
        } else {
            System.err.println(Instant.now().truncatedTo(ChronoUnit.SECONDS) + " " + word + safe);
        }
    }
}
