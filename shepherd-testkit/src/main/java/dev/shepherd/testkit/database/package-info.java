/**
 * A bare metal database for tests: {@link dev.shepherd.testkit.database.BmdbExtension} gives each test class, or each
 * test, one of its own on a real PostgreSQL.
 */
@NullMarked
package dev.shepherd.testkit.database;

import org.jspecify.annotations.NullMarked;
