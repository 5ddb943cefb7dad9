/** The bare metal database: sessions, transactions, work, backoff, history and tags on PostgreSQL. */
module dev.shepherd.bmdb {
    requires static micrometer.core;
    requires static micrometer.observation;
    requires static transitive org.jspecify;
    requires transitive dev.shepherd.api;
    requires transitive java.sql;
    requires transitive org.jooq;
    requires com.google.protobuf;
    requires com.zaxxer.hikari;
    requires dev.shepherd.agent.messages;
    requires flyway.core;
    requires java.compiler;
    requires org.postgresql.jdbc;
    requires org.slf4j;

    exports dev.shepherd.bmdb;
    exports dev.shepherd.bmdb.agent;
    exports dev.shepherd.bmdb.disruption;
    exports dev.shepherd.bmdb.event;
    exports dev.shepherd.bmdb.feed;
    exports dev.shepherd.bmdb.fleet;
    exports dev.shepherd.bmdb.hardware;
    exports dev.shepherd.bmdb.labels;
    exports dev.shepherd.bmdb.metrics;
    exports dev.shepherd.bmdb.operator;
    exports dev.shepherd.bmdb.trace;
    // The protocol of the loops, which an embedder has no use for.
    exports dev.shepherd.bmdb.listing to
            dev.shepherd.manager;
    exports dev.shepherd.bmdb.provisioning to
            dev.shepherd.manager;
    exports dev.shepherd.bmdb.recovery to
            dev.shepherd.manager;
    exports dev.shepherd.bmdb.rollout to
            dev.shepherd.manager;
    exports dev.shepherd.bmdb.takeover to
            dev.shepherd.manager;
    // What their metrics are made with.
    exports dev.shepherd.bmdb.meters to
            dev.shepherd.callback,
            dev.shepherd.manager,
            dev.shepherd.web;
    // Their threads go on as those here do.
    exports dev.shepherd.bmdb.threads to
            dev.shepherd.callback,
            dev.shepherd.cli,
            dev.shepherd.web;

    // jOOQ makes the records of its results.
    opens dev.shepherd.bmdb.internal.schema.tables.records to
            org.jooq;

    // To all, since Flyway reads the scripts through the class loader, which asks for no module.
    opens dev.shepherd.bmdb.migration;
}
