/** A provider of a fixed list of machines, from a file or a URL. */
module dev.shepherd.provider.staticlist {
    requires transitive dev.shepherd.api;
    requires dev.shepherd.provider.support;
    requires com.fasterxml.jackson.core;
    requires java.net.http;
    requires org.slf4j;
    requires static transitive org.jspecify;

    exports dev.shepherd.provider.staticlist;

    // For this library's own providers; it may change with any version.
    exports dev.shepherd.provider.staticlist.list to
            dev.shepherd.provider.redfish;

    provides dev.shepherd.api.ProviderFactory with
            dev.shepherd.provider.staticlist.StaticProviderFactory;
}
