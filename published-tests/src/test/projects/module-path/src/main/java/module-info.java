/** A program that embeds the library, as a module. */
module com.example.fleet {
    requires dev.shepherd.callback;
    requires dev.shepherd.web;
    requires dev.shepherd.manager;
    requires dev.shepherd.postgres;

    uses dev.shepherd.api.ProviderFactory;
}
