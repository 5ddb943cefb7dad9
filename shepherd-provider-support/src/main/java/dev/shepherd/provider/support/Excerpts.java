package dev.shepherd.provider.support;

import dev.shepherd.api.internal.Escaped;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Makes excerpts, for messages and logs, of what another side says: one line of printable text, at most {@value #LONGEST}
 * characters, in which secrets are replaced by {@code ***}. A server may echo what it was sent, headers included.
 *
 * <p>A secret is also found in Base64, percent-encoded, and as it stands in JSON. Immutable; {@code toString} shows no
 * secret.
 */
public final class Excerpts {

    /** How much of a text is shown, in characters. */
    public static final int LONGEST = 500;

    private static final String HIDDEN = "***";
    private static final int MOST_CAUSES = 50;

    /** In all their forms, the longest first: one may be part of another. */
    private final List<String> secrets;

    private Excerpts(Collection<String> forms) {
        List<String> sorted = new ArrayList<>(forms);
        sorted.sort(Comparator.comparing(String::length).reversed());
        this.secrets = List.copyOf(sorted);
    }

    /** Makes excerpts that show none of these secrets. Blank ones are passed over. */
    public static Excerpts hiding(String... secrets) {
        return new Excerpts(List.of()).andHiding(List.of(secrets));
    }

    /** Returns excerpts that show none of these secrets either. */
    Excerpts andHiding(Collection<String> more) {
        Set<String> forms = new LinkedHashSet<>(secrets);
        for (String secret : more) {
            if (!secret.isBlank()) {
                byte[] bytes = secret.getBytes(StandardCharsets.UTF_8);
                String encoded = URLEncoder.encode(secret, StandardCharsets.UTF_8);
                forms.add(secret);
                forms.add(Base64.getEncoder().withoutPadding().encodeToString(bytes));
                forms.add(encoded);
                forms.add(encoded.replace("+", "%20"));
                forms.add(secret.replace("\\", "\\\\").replace("\"", "\\\""));
            }
        }
        return new Excerpts(forms);
    }

    /** Returns an excerpt of a text, without blanks at its ends. */
    public String of(String text) {
        return Escaped.text(hide(text).strip(), LONGEST);
    }

    /** Returns an excerpt of a text in UTF-8. */
    public String of(byte[] utf8) {
        return of(new String(utf8, StandardCharsets.UTF_8));
    }

    /** Names a failure even where the outermost exception has no message, as is common among sockets. */
    public String of(Throwable failure) {
        String message = null;
        Throwable cause = failure;
        for (int i = 0; i < MOST_CAUSES && cause != null && message == null; i++) {
            message = cause.getMessage();
            cause = cause.getCause();
        }
        String type = failure.getClass().getSimpleName();
        return message == null ? type : type + ": " + of(message);
    }

    /** Tells whether a failure can be shown with all its causes: no text of theirs holds a secret. */
    boolean isClean(Throwable failure) {
        Throwable cause = failure;
        for (int i = 0; i < MOST_CAUSES && cause != null; i++) {
            String said = cause.toString();
            if (!hide(said).equals(said) || cause.getSuppressed().length > 0) {
                return false;
            }
            cause = cause.getCause();
        }
        return cause == null;
    }

    private String hide(String text) {
        String hidden = text;
        for (String secret : secrets) {
            hidden = hidden.replace(secret, HIDDEN);
        }
        return hidden;
    }
}
