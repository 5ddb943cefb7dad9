/**
 * The database's half of takeovers: {@link dev.shepherd.bmdb.takeover.Takeovers}. Exported to the manager alone.
 */
@NullMarked
package dev.shepherd.bmdb.takeover;

import org.jspecify.annotations.NullMarked;
