/**
 * {@link dev.shepherd.cli.bmc.BmcCommand}: whether machines can be rebooted through their BMCs, found out before one has to
 * be. {@code CheckReport} puts what was found into a table, {@code CheckJson} into JSON.
 */
@NullMarked
package dev.shepherd.cli.bmc;

import org.jspecify.annotations.NullMarked;
