/**
 * {@code shepherd agent}: packs the agent for machines. {@link dev.shepherd.cli.agent.AgentCommand} is the command, {@code
 * AgentFile} what it writes.
 */
@NullMarked
package dev.shepherd.cli.agent;

import org.jspecify.annotations.NullMarked;
