package dev.shepherd.testkit.ssh;

import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Turns the command line of an exec request into the command that does the same below a host's folder.
 *
 * <p>On the machine that a host stands for, a path such as {@code /root/agent} is absolute; here it lies below
 * the host's root. So every word that begins with a slash gets the root put before it, but for
 * {@code /dev} and {@code /proc}, and for programs of this system ({@code /bin}, {@code /sbin}, {@code /usr})
 * that the host has none of its own of. This serves tests; commands are not confined to it.
 */
final class CommandLine {

    private static final List<String> OF_THE_SYSTEM = List.of("/dev", "/proc");
    private static final List<String> PROGRAMS = List.of("/bin", "/sbin", "/usr");

    private final Path root;

    CommandLine(Path root) {
        this.root = root;
    }

    /**
     * Resolves the command to run.
     *
     * @return the program and its arguments: what was uploaded itself where the line just calls it, a shell
     *     with the line otherwise
     */
    List<String> resolve(String line) {
        List<String> words = words(line);
        if (words != null && !words.isEmpty() && words.get(0).contains("/")) {
            String program = words.get(0);
            Path file = program.startsWith("/") ? below(program) : below("/" + program);
            if (Files.exists(file, LinkOption.NOFOLLOW_LINKS) || !ofTheSystem(program, PROGRAMS)) {
                List<String> command = new ArrayList<>();
                command.add(file.toString());
                for (String argument : words.subList(1, words.size())) {
                    command.add(map(argument));
                }
                return command;
            }
        }
        return List.of("/bin/sh", "-c", rewrite(line));
    }

    /** Returns the real path of an absolute path of the host, which never leads out of the root. */
    Path below(String path) {
        return root.resolve(Path.of("/").relativize(Path.of(path).normalize())).normalize();
    }

    private String map(String word) {
        int assignment = word.indexOf("=/");
        if (assignment > 0 && !word.startsWith("/")) {
            return word.substring(0, assignment + 1) + map(word.substring(assignment + 1));
        }
        if (!word.startsWith("/") || ofTheSystem(word, OF_THE_SYSTEM)) {
            return word;
        }
        Path file = below(word);
        return ofTheSystem(word, PROGRAMS) && !Files.exists(file, LinkOption.NOFOLLOW_LINKS) ? word : file.toString();
    }

    private static boolean ofTheSystem(String path, List<String> folders) {
        return folders.stream().anyMatch(folder -> path.equals(folder) || path.startsWith(folder + "/"));
    }

    /** Quotes a word for a POSIX shell. */
    static String quote(String word) {
        return "'" + word.replace("'", "'\\''") + "'";
    }

    /** Splits a line that is nothing but words, or returns null if it needs a shell to make sense of it. */
    static @Nullable List<String> words(String line) {
        List<String> words = new ArrayList<>();
        StringBuilder word = new StringBuilder();
        boolean inWord = false;
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            switch (c) {
                case ' ', '\t' -> {
                    if (inWord) {
                        words.add(word.toString());
                        word.setLength(0);
                        inWord = false;
                    }
                }
                case '\'' -> {
                    int end = line.indexOf('\'', i + 1);
                    if (end < 0) {
                        return null;
                    }
                    word.append(line, i + 1, end);
                    inWord = true;
                    i = end;
                }
                case '"' -> {
                    int end = doubleQuoted(line, i + 1, word);
                    if (end < 0) {
                        return null;
                    }
                    inWord = true;
                    i = end;
                }
                case '\\' -> {
                    i++;
                    if (i == line.length() || line.charAt(i) == '\n') {
                        return null;
                    }
                    word.append(line.charAt(i));
                    inWord = true;
                }
                case '|', '&', ';', '<', '>', '(', ')', '$', '`', '\n', '*', '?', '[', '#', '~', '=', '{', '}', '!' -> {
                    if (words.isEmpty() || "|&;<>()$`\n*?[".indexOf(c) >= 0 || !inWord) {
                        return null;
                    }
                    word.append(c);
                }
                default -> {
                    word.append(c);
                    inWord = true;
                }
            }
        }
        if (inWord) {
            words.add(word.toString());
        }
        return words;
    }

    /** Reads from after a double quote on, and returns where its partner stands, or -1 if a shell is needed. */
    private static int doubleQuoted(String line, int from, StringBuilder word) {
        for (int i = from; i < line.length(); i++) {
            char c = line.charAt(i);
            switch (c) {
                case '"' -> {
                    return i;
                }
                case '$', '`' -> {
                    return -1;
                }
                case '\\' -> {
                    boolean escape = i + 1 < line.length() && "\\\"$`".indexOf(line.charAt(i + 1)) >= 0;
                    word.append(escape ? line.charAt(++i) : c);
                }
                default -> word.append(c);
            }
        }
        return -1;
    }

    /** Puts the root before every word of a line for the shell that begins with a slash. */
    private String rewrite(String line) {
        StringBuilder out = new StringBuilder();
        boolean atStart = true;
        char quote = 0;
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (quote != 0) {
                if (c == quote) {
                    quote = 0;
                } else if (c == '\\' && quote == '"' && i + 1 < line.length()) {
                    out.append(c);
                    c = line.charAt(++i);
                }
                out.append(c);
                continue;
            }
            if (atStart) {
                int slash = c == '\'' || c == '"' ? i + 1 : i;
                if (slash < line.length() && line.charAt(slash) == '/') {
                    String word = wordAt(line, slash);
                    if (!map(word).equals(word)) {
                        out.append(quote(root.toString()));
                    }
                }
            }
            if (c == '\'' || c == '"') {
                quote = c;
            } else if (c == '\\' && i + 1 < line.length()) {
                out.append(c);
                c = line.charAt(++i);
                out.append(c);
                atStart = false;
                continue;
            }
            out.append(c);
            atStart = " \t\n|&;<>()=`{".indexOf(c) >= 0;
        }
        return out.toString();
    }

    private static String wordAt(String line, int from) {
        int end = from;
        while (end < line.length() && " \t\n|&;<>()'\"`$*?[\\".indexOf(line.charAt(end)) < 0) {
            end++;
        }
        return line.substring(from, end);
    }
}
