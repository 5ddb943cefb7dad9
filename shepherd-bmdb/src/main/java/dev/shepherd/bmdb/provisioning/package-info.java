/**
 * The database's half of provisioning: {@link dev.shepherd.bmdb.provisioning.Intents}. Exported to the manager alone.
 */
@NullMarked
package dev.shepherd.bmdb.provisioning;

import org.jspecify.annotations.NullMarked;
