/** The interfaces and values that a provider of bare-metal machines is written against. */
module dev.shepherd.api {
    requires static transitive org.jspecify;

    exports dev.shepherd.api;

    uses dev.shepherd.api.ProviderFactory;
}
