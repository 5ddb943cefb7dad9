/**
 * Running a fleet.
 *
 * <ul>
 *   <li>{@link dev.shepherd.cli.run.RunCommand}: {@code shepherd run}; start reading here
 *   <li>{@code RunSettings}: all that it needs to know, checked; {@code ConfiguredProvider}, {@code Providers}: the
 *       providers, before and while they run
 *   <li>{@link dev.shepherd.cli.run.ServeCommand}, {@link dev.shepherd.cli.run.MigrateCommand}: the page, or the schema, alone
 *   <li>{@code AgentOptions}: the agent to start on machines, the keys to get there, and where it reports
 *   <li>{@link dev.shepherd.cli.run.ProvidersCommand}: {@code shepherd providers}, the kinds of provider there are
 * </ul>
 */
@NullMarked
package dev.shepherd.cli.run;

import org.jspecify.annotations.NullMarked;
