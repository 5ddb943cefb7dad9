/**
 * The command line. {@link dev.shepherd.cli.Main} lists the commands and says how each ends; start reading there.
 *
 * <ul>
 *   <li>{@code dev.shepherd.cli.run}: {@code shepherd run}, which runs a fleet, and the providers it can run
 *   <li>{@code dev.shepherd.cli.operate}: the commands that look at a running fleet and intervene in it
 *   <li>{@code dev.shepherd.cli.demo}: the demo, and the fake of Equinix Metal to try a provider on
 *   <li>{@code dev.shepherd.cli.internal}: the options and the plumbing that commands share
 * </ul>
 */
@NullMarked
package dev.shepherd.cli;

import org.jspecify.annotations.NullMarked;
