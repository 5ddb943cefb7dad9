package dev.shepherd.testkit.http;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Makes the absolute links to one server, in the answers that it gives, links to another. Only the origin (scheme, host
 * and port) is replaced: in the headers {@code Location}, {@code Content-Location} and {@code Link}, and in bodies of text,
 * JSON and XML that are not compressed. Slashes may be escaped, as some writers of JSON do. Immutable.
 */
public final class Links {

    private static final Set<String> HEADERS = Set.of("location", "content-location", "link");
    private static final Pattern TEXT = Pattern.compile("text/.*|application/([^;]*[+])?(json|xml)\\b.*");

    private final Pattern origin;
    private final URI to;

    /**
     * Prepares for the links of a server.
     *
     * @param from a URI of that server
     * @param to the origin that replaces its own
     */
    public Links(URI from, URI to) {
        int usual = from.getScheme().equalsIgnoreCase("https") ? 443 : 80;
        int port = from.getPort() < 0 ? usual : from.getPort();
        // Not the beginning of a longer name or port.
        String end = port == usual ? "(?::" + port + "(?!\\d))?(?![\\w.:-])" : ":" + port + "(?!\\d)";
        origin = Pattern.compile(
                from.getScheme() + ":(\\\\?/)\\1" + Pattern.quote(from.getHost()) + end, Pattern.CASE_INSENSITIVE);
        this.to = to;
    }

    /** Returns the same answer with links to the other server. */
    public HttpMessage apply(HttpMessage answer) {
        HttpMessage changed = answer.withHeaders(answer.headers().stream()
                .map(header -> HEADERS.contains(header.getKey().toLowerCase(Locale.ROOT))
                        ? Map.entry(header.getKey(), replace(header.getValue()))
                        : header)
                .toList());
        return isText(answer) ? changed.withBody(replace(answer.body())) : changed;
    }

    /** Tells whether the body is one that can be read and changed. */
    public static boolean isText(HttpMessage answer) {
        String type = answer.header("Content-Type").orElse("").toLowerCase(Locale.ROOT);
        String encoding = answer.header("Content-Encoding").orElse("identity");
        return TEXT.matcher(type).matches() && encoding.equalsIgnoreCase("identity");
    }

    private byte[] replace(byte[] body) {
        // In ISO-8859-1 each byte is one character, so that all others stay as they are, whatever the charset.
        return replace(new String(body, StandardCharsets.ISO_8859_1)).getBytes(StandardCharsets.ISO_8859_1);
    }

    private String replace(String text) {
        return origin.matcher(text).replaceAll(found -> {
            String slash = found.group(1);
            return Matcher.quoteReplacement(to.getScheme() + ":" + slash + slash + to.getAuthority());
        });
    }
}
