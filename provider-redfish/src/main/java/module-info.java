/** A provider of a fixed list of machines, which are rebooted through their BMCs by Redfish or IPMI. */
module dev.shepherd.provider.redfish {
    requires transitive dev.shepherd.api;
    requires dev.shepherd.provider.staticlist;
    requires dev.shepherd.provider.support;
    requires com.fasterxml.jackson.core;
    requires com.fasterxml.jackson.databind;
    requires java.net.http;
    requires org.slf4j;
    requires static transitive org.jspecify;

    exports dev.shepherd.provider.redfish;

    provides dev.shepherd.api.ProviderFactory with
            dev.shepherd.provider.redfish.RedfishProviderFactory;
}
