package dev.shepherd.web.access;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.OperatorText;
import dev.shepherd.api.internal.SecretFiles;
import dev.shepherd.bmdb.operator.Verb;
import dev.shepherd.web.http.WebRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * People and their tokens, from a file: one line for each, {@code NAME ROLE TOKEN}, where the role is {@code viewer} (looks) or
 * {@code operator} (does everything) and the token has at least {@value #SHORTEST_TOKEN} characters. Empty lines, and those that
 * begin with a number sign, mean nothing. The file must be readable by its owner alone.
 *
 * <p>A token is sent as {@code Authorization: Bearer TOKEN}, or by a browser as the password of the name (HTTP Basic). It is kept
 * as a SHA-256 only, and compared in constant time. Immutable: a changed file counts after a restart.
 */
public final class TokenFile implements Authenticator, Authorizer {

    /** The fewest characters of a token. */
    public static final int SHORTEST_TOKEN = 16;

    private static final int LARGEST_FILE = 1024 * 1024;

    private record Person(String name, boolean operates, byte[] digest) {}

    private final List<Person> people;

    private TokenFile(List<Person> people) {
        this.people = people;
    }

    /**
     * Reads a file.
     *
     * @param setting the name of the setting that names the file, for errors
     * @throws ConfigurationException if it cannot be read, is open to others, or has a line that says something else; the message
     *     names file, line and what to do, and no token
     */
    public static TokenFile read(String setting, Path file) {
        try {
            if (SecretFiles.openPermissions(file).isPresent()) {
                throw new ConfigurationException(
                        setting, file + " holds tokens and is open to others than its owner; run: chmod 600 " + file);
            }
            if (Files.size(file) > LARGEST_FILE) {
                throw new ConfigurationException(setting, file + " is larger than 1 MiB");
            }
            return of(setting, file, Files.readAllLines(file));
        } catch (IOException e) {
            throw new ConfigurationException(setting, file + " cannot be read: " + Escaped.text(e));
        }
    }

    private static TokenFile of(String setting, Path file, List<String> lines) {
        List<Person> people = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            String where = file + ", line " + (i + 1) + ": ";
            String[] words = line.split("\\s+");
            if (words.length != 3) {
                throw new ConfigurationException(setting, where + "must be NAME ROLE TOKEN, with spaces between");
            }
            if (!words[1].equals("viewer") && !words[1].equals("operator")) {
                // Not shown: the words may be in another order.
                throw new ConfigurationException(setting, where + "the second word must be viewer or operator");
            }
            if (words[2].length() < SHORTEST_TOKEN) {
                throw new ConfigurationException(
                        setting, where + "a token has at least " + SHORTEST_TOKEN + " characters");
            }
            try {
                OperatorText.checkName(words[0]);
            } catch (IllegalArgumentException e) {
                throw new ConfigurationException(setting, where + "the name: " + e.getMessage());
            }
            byte[] digest = digest(words[2]);
            if (people.stream().anyMatch(person -> MessageDigest.isEqual(person.digest(), digest))) {
                throw new ConfigurationException(setting, where + "the token is that of another line");
            }
            people.add(new Person(words[0], words[1].equals("operator"), digest));
        }
        if (people.isEmpty()) {
            throw new ConfigurationException(setting, file + " names no one, so that all requests would be refused");
        }
        return new TokenFile(List.copyOf(people));
    }

    @Override
    public Optional<String> authenticate(WebRequest request) {
        String credentials = request.header("Authorization").orElse("");
        if (credentials.regionMatches(true, 0, "Bearer ", 0, 7)) {
            return find(null, credentials.substring(7).strip());
        }
        if (credentials.regionMatches(true, 0, "Basic ", 0, 6)) {
            try {
                String pair = new String(
                        Base64.getDecoder().decode(credentials.substring(6).strip()), StandardCharsets.UTF_8);
                int colon = pair.indexOf(':');
                return colon < 0 ? Optional.empty() : find(pair.substring(0, colon), pair.substring(colon + 1));
            } catch (IllegalArgumentException e) {
                return Optional.empty();
            }
        }
        return Optional.empty();
    }

    private Optional<String> find(@Nullable String name, String token) {
        byte[] digest = digest(token);
        Optional<String> found = Optional.empty();
        // All of them, whichever fits: the time tells nothing.
        for (Person person : people) {
            boolean fits = MessageDigest.isEqual(person.digest(), digest);
            if (fits && (name == null || name.equals(person.name()))) {
                found = Optional.of(person.name());
            }
        }
        return found;
    }

    @Override
    public boolean mayAct(String principal, Verb action, @Nullable UUID machine) {
        return people.stream().anyMatch(person -> person.name().equals(principal) && person.operates());
    }

    private static byte[] digest(String token) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
