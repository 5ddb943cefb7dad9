package dev.shepherd.bmdb.internal;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.postgresql.ds.PGSimpleDataSource;

/** What may be shown of a JDBC URL, and what is in it. */
public final class JdbcUrls {

    private static final Pattern SCHEME = Pattern.compile("[a-z0-9+.:-]{1,40}:");

    private JdbcUrls() {}

    /** Cuts off the parameters, which may hold a password, and any {@code user:password@}. */
    public static String withoutSecrets(String url) {
        return withoutParameters(url).replaceFirst("//.*@", "//");
    }

    /** Returns no more than the first part of something that should have been a URL of ours. */
    public static String scheme(String url) {
        Matcher scheme = SCHEME.matcher(url);
        return scheme.lookingAt() ? scheme.group() + "…" : "something without a scheme";
    }

    /** Tells whether the driver can make sense of a URL. Its own complaint would quote the URL with its password. */
    public static boolean isWellFormed(String url) {
        if (withoutParameters(url).contains("@")) {
            return false; // The driver would take it for a port, and log it.
        }
        try {
            new PGSimpleDataSource().setUrl(url);
            return true;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    private static String withoutParameters(String url) {
        int query = url.indexOf('?');
        return query < 0 ? url : url.substring(0, query);
    }

    public static boolean hasParameter(String url, String name) {
        return url.contains("?" + name + "=") || url.contains("&" + name + "=");
    }
}
