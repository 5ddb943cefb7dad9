/** The bare metal database: sessions, transactions, work, backoff, history and tags on PostgreSQL. */
module dev.shepherd.bmdb {
    requires static transitive org.jspecify;
    requires transitive dev.shepherd.api;
    requires transitive java.sql;
    requires transitive org.jooq;
    requires com.zaxxer.hikari;
    requires flyway.core;
    requires java.compiler;
    requires org.postgresql.jdbc;
    requires org.slf4j;

    exports dev.shepherd.bmdb;

    opens dev.shepherd.bmdb.migration to
            flyway.core;
}
