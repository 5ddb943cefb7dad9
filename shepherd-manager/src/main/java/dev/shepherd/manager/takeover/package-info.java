/**
 * Takes machines over by SSH: uploads the agent, runs it and checks what it answers. Start reading at {@link
 * dev.shepherd.manager.takeover.AgentTakeover}, which does that, one machine per call; {@link
 * dev.shepherd.manager.takeover.Initializer} is the loop that has it done.
 *
 * <ul>
 *   <li>{@link dev.shepherd.manager.takeover.MachineTakeover}: what an embedder with another way in implements
 *   <li>{@link dev.shepherd.manager.takeover.TakeoverTarget}, {@link dev.shepherd.manager.takeover.TakeoverResult},
 *       {@link dev.shepherd.manager.takeover.TakeoverException}: a machine, and what became of it
 *   <li>{@link dev.shepherd.manager.takeover.SshCredentials}, {@link dev.shepherd.manager.takeover.HostKeyPolicy},
 *       {@link dev.shepherd.manager.takeover.AgentExecutable}: settings
 *   <li>{@code Attempt} watches one takeover and ends it in time, {@code TakeoverSteps} takes its {@link
 *       dev.shepherd.manager.takeover.TakeoverStep steps}, {@code AgentProtocol} talks with the agent, and {@code
 *       Diagnosis} says why it failed
 * </ul>
 *
 * <p>The SSH library is behind {@code dev.shepherd.manager.takeover.ssh}.
 */
@NullMarked
package dev.shepherd.manager.takeover;

import org.jspecify.annotations.NullMarked;
