/**
 * Starts a PostgreSQL for demos and tests and hands out JDBC URLs; knows nothing of what is kept in it.
 *
 * <ul>
 *   <li>{@link dev.shepherd.postgres.PostgresServer}: a server, temporary or on a folder that stays; start reading here
 *   <li>{@link dev.shepherd.postgres.TestPostgres}: the server of a JVM's tests, and fresh databases on it
 *   <li>{@link dev.shepherd.postgres.PostgresException}: why there is none
 * </ul>
 *
 * <p>Inside, {@code Postmaster} starts, watches and ends the process of a server, with the programs that {@code
 * Binaries} unpacks, as the {@code Account} that may run them, in a folder that a {@code FolderLock} holds. {@code
 * TemporaryFolders} finds a place for those that do not stay. {@code Databases} makes and drops databases on any
 * server, and {@code Templates} copies them. {@code Containers} starts a server in a container where {@code
 * DockerEngine} finds an engine.
 */
@NullMarked
package dev.shepherd.postgres;

import org.jspecify.annotations.NullMarked;
