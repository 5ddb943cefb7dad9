/** The interfaces and values that a provider of bare-metal machines is written against. */
module dev.shepherd.api {
    requires static transitive org.jspecify;

    exports dev.shepherd.api;

    // For this library's own modules; it may change with any version.
    exports dev.shepherd.api.internal to
            dev.shepherd.bmdb,
            dev.shepherd.callback,
            dev.shepherd.cli,
            dev.shepherd.manager,
            dev.shepherd.provider.equinix,
            dev.shepherd.provider.redfish,
            dev.shepherd.provider.staticlist,
            dev.shepherd.provider.support,
            dev.shepherd.spring.boot,
            dev.shepherd.testkit.fleet,
            dev.shepherd.web;
    exports dev.shepherd.api.internal.settings to
            dev.shepherd.bmdb,
            dev.shepherd.callback,
            dev.shepherd.cli,
            dev.shepherd.manager,
            dev.shepherd.provider.equinix,
            dev.shepherd.provider.redfish,
            dev.shepherd.provider.staticlist,
            dev.shepherd.provider.support,
            dev.shepherd.spring.boot,
            dev.shepherd.web;

    uses dev.shepherd.api.ProviderFactory;
}
