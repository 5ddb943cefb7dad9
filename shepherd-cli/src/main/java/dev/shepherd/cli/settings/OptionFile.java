package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Reads the files that options name, pipes included. An error names the option and the file, but never shows any of the
 * content, which may be a secret.
 */
public final class OptionFile {

    private static final int MAX_BYTES = 1 << 20;

    private OptionFile() {}

    /** Returns the first line of a text in UTF-8, which must not be empty. */
    public static String firstLine(String option, Path file) {
        return text(option, file)
                .lines()
                .findFirst()
                .filter(line -> !line.isEmpty())
                .orElseThrow(() -> failure(option, "the first line of " + file + " is empty", null));
    }

    /** Returns a text in UTF-8. */
    public static String text(String option, Path file) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes(option, file)))
                    .toString();
        } catch (CharacterCodingException e) {
            throw failure(option, file + " is not in UTF-8", e);
        }
    }

    public static byte[] bytes(String option, Path file) {
        if (Files.isDirectory(file)) {
            throw failure(option, file + " cannot be read: it is a directory", null);
        }
        try (InputStream in = Files.newInputStream(file)) {
            byte[] content = in.readNBytes(MAX_BYTES + 1);
            if (content.length > MAX_BYTES) {
                throw failure(option, file + " is too big: it has over " + MAX_BYTES + " bytes", null);
            }
            return content;
        } catch (NoSuchFileException e) {
            throw missing(option, file, e);
        } catch (AccessDeniedException e) {
            throw failure(option, file + " cannot be read: permission denied", e);
        } catch (IOException e) {
            throw failure(option, file + " cannot be read: " + e.getMessage(), e);
        }
    }

    /** Says that a file does not exist, and where its path begins with a tilde, why that may be. */
    public static ConfigurationException missing(String option, Path file, @Nullable Throwable cause) {
        String tilde = file.toString().startsWith("~")
                ? "; only a shell expands ~, and only where a word begins with it: give the whole path"
                : "";
        return failure(option, file + " does not exist" + tilde, cause);
    }

    private static ConfigurationException failure(String option, String what, @Nullable Throwable cause) {
        return new ConfigurationException(option, option + ": " + what, cause);
    }
}
