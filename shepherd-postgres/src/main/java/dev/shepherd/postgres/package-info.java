/** Starts a PostgreSQL for demos and tests and hands out JDBC URLs; knows nothing of what is kept in it. */
@NullMarked
package dev.shepherd.postgres;

import org.jspecify.annotations.NullMarked;
