/** The command line. */
module dev.shepherd.cli {
    requires static org.jspecify;
    requires dev.shepherd.api;
    requires dev.shepherd.bmdb;
    requires dev.shepherd.callback;
    requires dev.shepherd.manager;
    requires dev.shepherd.postgres;
    requires dev.shepherd.provider.staticlist;
    requires dev.shepherd.testkit;
    requires info.picocli;
    requires org.slf4j;

    uses dev.shepherd.api.ProviderFactory;

    opens dev.shepherd.cli to
            info.picocli;
    opens dev.shepherd.cli.demo to
            info.picocli;
    opens dev.shepherd.cli.internal to
            info.picocli;
    opens dev.shepherd.cli.operate to
            info.picocli;
    opens dev.shepherd.cli.run to
            info.picocli;
}
