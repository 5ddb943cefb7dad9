package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Puts in what a value of a file refers to: {@code ${env:NAME}}, an environment variable; {@code ${file:PATH}}, the
 * content of a file without the end of its last line; {@code ${credential:NAME}}, the same of a file that systemd passes.
 * Two dollars before a brace stand for one, and refer to nothing.
 */
final class References {

    private static final Pattern REFERENCE = Pattern.compile("\\$\\$\\{|\\$\\{([^}]*)\\}?");
    private static final String FORMS = "write ${env:NAME}, ${file:PATH} or ${credential:NAME}, and $${ for a plain ${";

    private final Map<String, String> environment;

    References(Map<String, String> environment) {
        this.environment = environment;
    }

    static boolean isIn(String text) {
        return REFERENCE.matcher(text.replace("$${", "")).find();
    }

    /**
     * Returns the text with all that it refers to.
     *
     * @throws ConfigurationException if that is not there; the message never has any of its content
     */
    String resolve(String text, Path folder) {
        Matcher matcher = REFERENCE.matcher(text);
        StringBuilder whole = new StringBuilder();
        while (matcher.find()) {
            String what = matcher.group();
            matcher.appendReplacement(
                    whole,
                    Matcher.quoteReplacement(what.equals("$${") ? "${" : content(what, matcher.group(1), folder)));
        }
        return matcher.appendTail(whole).toString();
    }

    private String content(String what, String inside, Path folder) {
        int colon = inside.indexOf(':');
        String name = inside.substring(colon + 1);
        if (!what.endsWith("}") || colon < 0 || name.isBlank()) {
            throw wrong(what, FORMS);
        }
        return switch (inside.substring(0, colon)) {
            case "env" -> {
                String value = environment.get(name);
                if (value == null || value.isEmpty()) {
                    throw wrong(what, "the environment variable is " + (value == null ? "not set" : "empty"));
                }
                yield value;
            }
            case "file" -> content(what, folder.resolve(name));
            case "credential" -> {
                String credentials = environment.get("CREDENTIALS_DIRECTORY");
                if (credentials == null) {
                    throw wrong(what, "there are no credentials: systemd passes them, by LoadCredential= in the unit");
                }
                yield content(what, Path.of(credentials).resolve(name));
            }
            default -> throw wrong(what, FORMS);
        };
    }

    private static String content(String what, Path file) {
        String content = OptionFile.text(what, file).replaceFirst("\\R\\z", "");
        if (content.isEmpty()) {
            throw wrong(what, file + " is empty");
        }
        return content;
    }

    private static ConfigurationException wrong(String what, String why) {
        return new ConfigurationException(what, Shown.text(what) + ": " + why);
    }
}
