/** The operator's page and HTTP API, and the webhook. */
module dev.shepherd.web {
    requires static java.compiler;
    requires static jakarta.servlet;
    requires static micrometer.core;
    requires static transitive org.jspecify;
    requires transitive dev.shepherd.api;
    requires transitive dev.shepherd.bmdb;
    requires transitive dev.shepherd.manager;
    requires com.fasterxml.jackson.core;
    requires com.fasterxml.jackson.databind;
    requires dev.shepherd.provider.support;
    requires gg.jte.runtime;
    requires jdk.httpserver;
    requires org.slf4j;

    exports dev.shepherd.web;
    exports dev.shepherd.web.access;
    exports dev.shepherd.web.http;
    // Hardware is the same JSON on the command line.
    exports dev.shepherd.web.api to
            dev.shepherd.cli;
    exports dev.shepherd.web.servlet;
    exports dev.shepherd.web.webhook;
}
