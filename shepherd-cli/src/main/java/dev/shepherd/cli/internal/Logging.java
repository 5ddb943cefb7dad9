package dev.shepherd.cli.internal;

/** How much is logged. Has to be settled before the first logger exists, and so before the options are parsed. */
public final class Logging {

    private Logging() {}

    public static void configure(String[] args) {
        int verbosity = 0;
        boolean demo = false;
        boolean contract = false;
        boolean bmc = false;
        for (String arg : args) {
            if (arg.equals("--verbose")) {
                verbosity++;
            } else if (arg.matches("-v+")) {
                verbosity += arg.length() - 1;
            } else if (arg.equals("demo")) {
                demo = true;
            } else if (arg.equals("contract")) {
                contract = true;
            } else if (arg.equals("bmc")) {
                bmc = true;
            }
        }
        if (verbosity >= 1) {
            level("dev.shepherd", "debug");
        } else if (bmc || demo && isTerminal()) {
            level("dev.shepherd", "warn"); // They draw their progress, which lines of a log would tear apart.
        }
        if (verbosity == 0 && contract) {
            level("dev.shepherd", "error"); // Each rule makes providers, and what they warn of is meant to go wrong.
        }
        if (verbosity >= 2) {
            System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "info");
        }
    }

    private static void level(String logger, String level) {
        System.setProperty("org.slf4j.simpleLogger.log." + logger, level);
    }

    /** Tells whether a person is looking at standard output. */
    public static boolean isTerminal() {
        return System.console() != null && System.getenv("TERM") != null && !"dumb".equals(System.getenv("TERM"));
    }
}
