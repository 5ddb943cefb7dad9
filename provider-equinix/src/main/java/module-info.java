/** A provider of the machines of Equinix Metal, over its REST API. */
module dev.shepherd.provider.equinix {
    requires transitive dev.shepherd.api;
    requires dev.shepherd.provider.support;
    requires com.fasterxml.jackson.annotation;
    requires com.fasterxml.jackson.core;
    requires com.fasterxml.jackson.databind;
    requires com.fasterxml.jackson.datatype.jsr310;
    requires java.logging;
    requires java.net.http;
    requires org.slf4j;
    requires static transitive org.jspecify;

    exports dev.shepherd.provider.equinix;

    // The generated client is for the provider alone; Jackson reads and writes its fields.
    opens dev.shepherd.provider.equinix.client to
            com.fasterxml.jackson.databind;

    provides dev.shepherd.api.ProviderFactory with
            dev.shepherd.provider.equinix.EquinixProviderFactory;
}
