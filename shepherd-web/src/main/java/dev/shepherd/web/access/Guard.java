package dev.shepherd.web.access;

import dev.shepherd.web.http.WebRequest;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Keeps requests out that a browser sends because another page made it: under a name that leads here but is not ours (DNS
 * rebinding), or with the rights of a person who looks at that page (cross-site request forgery).
 *
 * <p>A request that changes something must come from a page of the same origin, by the browser's own word ({@code Sec-Fetch-Site},
 * else {@code Origin}), which no page can forge; or it carries a header that a browser lets no other page send without asking here
 * first. There is no cookie that it could ride on.
 */
public final class Guard {

    /** The header that programs send along with what changes something. */
    public static final String HEADER = "X-Shepherd-Request";

    private final Set<String> hosts;

    /**
     * Makes one.
     *
     * @param hosts the names under which the console is reached, without ports
     */
    public Guard(Set<String> hosts) {
        this.hosts = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
        this.hosts.addAll(hosts);
    }

    /** Returns why a request does not reach the console under one of its names; empty if it does. */
    public Optional<String> strangeHost(WebRequest request) {
        String authority = request.header("Host").orElse("");
        String host = host(authority);
        if (hosts.contains(host)) {
            return Optional.empty();
        }
        return Optional.of("This server is not \"" + printable(host) + "\": it answers to " + String.join(", ", hosts)
                + ". Add the name to its allowed hosts if it should answer to that as well.");
    }

    /** Returns why a request that changes something may have been made by another page; empty if it was not. */
    public Optional<String> forged(WebRequest request) {
        Optional<String> site = request.header("Sec-Fetch-Site");
        if (site.isPresent() && !site.get().equals("same-origin") && !site.get().equals("none")) {
            return Optional.of("The browser says that another site's page sent this (Sec-Fetch-Site: "
                    + printable(site.get()) + ").");
        }
        Optional<String> origin = request.header("Origin");
        if (origin.isPresent() && !isOwn(origin.get(), request)) {
            return Optional.of(
                    "The browser says that another page sent this (Origin: " + printable(origin.get()) + ").");
        }
        boolean proved = origin.isPresent()
                || site.equals(Optional.of("same-origin"))
                || request.header(HEADER).isPresent();
        return proved
                ? Optional.empty()
                : Optional.of("A request that changes something needs the header " + HEADER + " with any value.");
    }

    private static boolean isOwn(String origin, WebRequest request) {
        try {
            URI uri = new URI(origin);
            String authority = request.header("Host").orElse("");
            // The scheme is not compared: a proxy may end TLS. A page of the same name over HTTP is the same people's.
            return uri.getRawAuthority() != null
                    && withoutUsualPort(uri.getRawAuthority()).equals(withoutUsualPort(authority));
        } catch (URISyntaxException e) {
            return false;
        }
    }

    private static String withoutUsualPort(String authority) {
        return authority.toLowerCase(Locale.ROOT).replaceFirst(":(80|443)$", "");
    }

    private static String host(String authority) {
        int end = authority.startsWith("[") ? authority.indexOf(']') + 1 : authority.indexOf(':');
        return end <= 0 ? authority : authority.substring(0, end);
    }

    private static String printable(String text) {
        String printable = text.replaceAll("[^ -~]", "?");
        return printable.length() > 100 ? printable.substring(0, 100) + "..." : printable;
    }
}
