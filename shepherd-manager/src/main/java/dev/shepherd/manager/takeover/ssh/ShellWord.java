package dev.shepherd.manager.takeover.ssh;

import java.util.regex.Pattern;

/** Words of a POSIX shell's command line. */
final class ShellWord {

    private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_./@%+,:-]+");

    private ShellWord() {}

    /** Quotes a word if it needs to be: plain ones stay readable in the host's logs. */
    static String quote(String word) {
        return PLAIN.matcher(word).matches() ? word : "'" + word.replace("'", "'\\''") + "'";
    }
}
