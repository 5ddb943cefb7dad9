/** What providers over a network share. */
module dev.shepherd.provider.support {
    requires transitive dev.shepherd.api;
    requires transitive java.net.http;
    requires static transitive org.jspecify;

    exports dev.shepherd.provider.support;
}
