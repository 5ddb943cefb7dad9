/** Starts a PostgreSQL for demos and tests and hands out JDBC URLs. */
module dev.shepherd.postgres {
    requires static transitive org.jspecify;
    requires static testcontainers;
    requires java.sql;
    requires org.postgresql.jdbc;
    requires org.slf4j;
    requires org.tukaani.xz;

    exports dev.shepherd.postgres;
}
