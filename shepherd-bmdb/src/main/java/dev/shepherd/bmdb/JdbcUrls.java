package dev.shepherd.bmdb;

/** What may be shown of a JDBC URL. */
final class JdbcUrls {

    private JdbcUrls() {}

    /** Cuts off the parameters, which may hold a password, and any {@code user:password@}. */
    static String withoutSecrets(String url) {
        int query = url.indexOf('?');
        String shown = query < 0 ? url : url.substring(0, query);
        return shown.replaceFirst("//[^/@]*@", "//");
    }
}
