/** The command line. */
module dev.shepherd.cli {
    requires static org.jspecify;
    requires ch.qos.logback.classic;
    requires ch.qos.logback.core;
    requires com.fasterxml.jackson.core;
    requires dev.shepherd.agent;
    requires dev.shepherd.agent.messages;
    requires dev.shepherd.api;
    requires dev.shepherd.bmdb;
    requires dev.shepherd.callback;
    requires dev.shepherd.manager;
    requires dev.shepherd.postgres;
    requires dev.shepherd.provider.redfish;
    requires dev.shepherd.provider.staticlist;
    requires dev.shepherd.provider.support;
    requires dev.shepherd.testkit;
    requires dev.shepherd.web;
    requires info.picocli;
    requires java.management;
    requires java.net.http;
    requires jdk.management;
    requires logstash.logback.encoder;
    requires micrometer.core;
    requires micrometer.registry.prometheus;
    requires org.junit.jupiter.api;
    requires org.junit.platform.engine;
    requires org.junit.platform.launcher;
    requires org.slf4j;
    requires org.snakeyaml.engine;

    uses dev.shepherd.api.ProviderFactory;

    provides ch.qos.logback.classic.spi.Configurator with
            dev.shepherd.cli.internal.LogDefaults;

    opens dev.shepherd.cli to
            info.picocli;
    opens dev.shepherd.cli.agent to
            info.picocli;
    opens dev.shepherd.cli.bmc to
            info.picocli;
    opens dev.shepherd.cli.contract to
            info.picocli,
            org.junit.platform.commons;
    opens dev.shepherd.cli.demo to
            info.picocli;
    opens dev.shepherd.cli.internal to
            info.picocli;
    opens dev.shepherd.cli.operate to
            info.picocli;
    opens dev.shepherd.cli.run to
            info.picocli;
}
