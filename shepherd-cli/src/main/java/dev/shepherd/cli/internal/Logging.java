package dev.shepherd.cli.internal;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import java.util.List;
import org.slf4j.LoggerFactory;

/** How much is logged, and how. */
public final class Logging {

    /** What a line of the log looks like. */
    public enum Format {
        /** For people: time, level, class, message. */
        TEXT,
        /** For programs: an object of JSON a line. */
        JSON
    }

    private Logging() {}

    /** Settles how much is logged, before the options are parsed: what parses them may log. */
    public static void configure(String[] args) {
        int verbosity = 0;
        for (String arg : args) {
            if (arg.equals("--verbose")) {
                verbosity++;
            } else if (arg.matches("-v+")) {
                verbosity += arg.length() - 1;
            }
        }
        List<String> given = List.of(args);
        if (verbosity >= 1) {
            level("dev.shepherd", Level.DEBUG);
        } else if (given.contains("contract")) {
            // Each rule makes providers, and what they warn of is meant to go wrong.
            level("dev.shepherd", Level.ERROR);
        } else if (given.contains("bmc") || given.contains("demo") && isTerminal()) {
            level("dev.shepherd", Level.WARN); // They draw their progress, which lines of a log would tear apart.
        }
        if (verbosity >= 2) {
            level(org.slf4j.Logger.ROOT_LOGGER_NAME, Level.INFO);
        }
    }

    /** Logs in a format from now on, unless a file of the user's says how. */
    public static void use(Format format) {
        if (LoggerFactory.getILoggerFactory() instanceof LoggerContext context && LogDefaults.apply(context)) {
            LogDefaults.use(context, format);
        }
    }

    private static void level(String logger, Level level) {
        if (LoggerFactory.getILoggerFactory() instanceof LoggerContext context && LogDefaults.apply(context)) {
            context.getLogger(logger).setLevel(level);
        }
    }

    /** Tells whether a person is looking at standard output. */
    public static boolean isTerminal() {
        return System.console() != null && System.getenv("TERM") != null && !"dumb".equals(System.getenv("TERM"));
    }
}
