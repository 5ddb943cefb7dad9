/**
 * A bare metal database for tests, on a real PostgreSQL.
 *
 * <ul>
 *   <li>{@link dev.shepherd.testkit.database.BmdbExtension}: gives each test class, or each test, one of its own; start
 *       reading here
 *   <li>{@link dev.shepherd.testkit.database.TestDatabase}: the same without JUnit
 * </ul>
 */
@NullMarked
package dev.shepherd.testkit.database;

import org.jspecify.annotations.NullMarked;
