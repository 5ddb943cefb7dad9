/** Starts a PostgreSQL for demos and tests and hands out JDBC URLs. */
module dev.shepherd.postgres {
    requires static transitive org.jspecify;
    requires embedded.postgres;
    requires java.sql;
    requires org.slf4j;

    exports dev.shepherd.postgres;
}
