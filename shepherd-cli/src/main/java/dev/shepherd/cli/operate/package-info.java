/**
 * Commands for operators of a running fleet; a command's class is named after it.
 *
 * <ul>
 *   <li>To look: {@link dev.shepherd.cli.operate.MachinesCommand}, {@link dev.shepherd.cli.operate.ExplainCommand},
 *       {@link dev.shepherd.cli.operate.PlanCommand}, {@link dev.shepherd.cli.operate.QueueCommand}, {@link
 *       dev.shepherd.cli.operate.PausesCommand}, {@link dev.shepherd.cli.operate.HistoryCommand}, {@link
 *       dev.shepherd.cli.operate.EventsCommand}, {@link
 *       dev.shepherd.cli.operate.BackoffsCommand}, {@link dev.shepherd.cli.operate.SessionsCommand}, {@link
 *       dev.shepherd.cli.operate.HardwareCommand}, {@link dev.shepherd.cli.operate.DatabaseCommand}
 *   <li>To hold machines back: {@link dev.shepherd.cli.operate.PauseCommand}, {@link
 *       dev.shepherd.cli.operate.ResumeCommand}, {@link dev.shepherd.cli.operate.QuarantineCommand}, {@link
 *       dev.shepherd.cli.operate.ReleaseCommand}, {@link dev.shepherd.cli.operate.ForgetCommand}
 *   <li>To get on with it: {@link dev.shepherd.cli.operate.RetryCommand}, {@link
 *       dev.shepherd.cli.operate.TrustCommand}, {@link dev.shepherd.cli.operate.RestartAgentCommand}, {@link
 *       dev.shepherd.cli.operate.InstallCommand}, {@link dev.shepherd.cli.operate.EndSessionCommand}
 *   <li>To tell machines apart: {@link dev.shepherd.cli.operate.LabelCommand}
 *   <li>To reboot or reinstall one machine: {@link dev.shepherd.cli.operate.RebootCommand} and {@link
 *       dev.shepherd.cli.operate.ReinstallCommand}, of which {@code InterventionCommand} is the common part
 *   <li>{@code FleetCommand}: opens the database for all of them; {@code MachineArgument} and {@code OperatorOption}:
 *       how they name a machine, who asks, and why
 * </ul>
 *
 * <p>{@link dev.shepherd.cli.operate.PauseCommand} shows what they all look like; start reading there.
 */
@NullMarked
package dev.shepherd.cli.operate;

import org.jspecify.annotations.NullMarked;
