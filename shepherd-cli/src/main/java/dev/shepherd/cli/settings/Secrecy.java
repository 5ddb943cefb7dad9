package dev.shepherd.cli.settings;

import java.util.regex.Pattern;

/** What of a value's text is a secret. */
enum Secrecy {
    /** All of it. */
    ALL {
        @Override
        boolean isInClear(String text) {
            return !References.isIn(text);
        }

        @Override
        String shown(String text) {
            return ONE_REFERENCE.matcher(text).matches() ? text : "***";
        }
    },
    /** The passwords among the parameters of a JDBC URL. */
    JDBC_URL {
        @Override
        boolean isInClear(String text) {
            return PASSWORD.matcher(text).results().anyMatch(match -> !References.isIn(match.group(2)));
        }

        @Override
        String shown(String text) {
            return PASSWORD.matcher(text).replaceAll("$1***");
        }
    },
    /** All of it, unless it says in which file the secret is. */
    UNLESS_FILE {
        @Override
        boolean isInClear(String text) {
            return !text.startsWith("file:") && ALL.isInClear(text);
        }

        @Override
        String shown(String text) {
            return text.startsWith("file:") ? text : ALL.shown(text);
        }
    };

    private static final Pattern ONE_REFERENCE = Pattern.compile("\\$\\{[^}]*}");
    private static final Pattern PASSWORD = Pattern.compile("(?i)([?&][^=&]*password=)([^&]*)");

    /** Tells whether a text, as it is in a file, shows a secret to those who read the file. */
    abstract boolean isInClear(String text);

    /** Returns the text without secrets. */
    abstract String shown(String text);
}
