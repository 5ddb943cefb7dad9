/**
 * Takes machines over by SSH: uploads the agent, runs it and checks what it answers.
 *
 * <p>{@link dev.shepherd.manager.takeover.AgentTakeover} does it, one machine per call.
 */
@NullMarked
package dev.shepherd.manager.takeover;

import org.jspecify.annotations.NullMarked;
