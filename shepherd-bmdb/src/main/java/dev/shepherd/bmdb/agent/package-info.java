/**
 * Where agents report, over any transport. Start reading at {@link dev.shepherd.bmdb.agent.AgentCallback}.
 *
 * <ul>
 *   <li>{@link dev.shepherd.bmdb.agent.AgentCall}, {@link dev.shepherd.bmdb.agent.AgentReply}, {@link
 *       dev.shepherd.bmdb.agent.AgentCallException}: a call and what becomes of it
 *   <li>{@link dev.shepherd.bmdb.agent.AgentCallbackConfig}: settings
 *   <li>{@code AgentCallQueue}: calls that wait, in batches; {@code HeartbeatQueries}: the statements
 *   <li>{@link dev.shepherd.bmdb.agent.AgentCallbackMetrics}, {@code AgentCallCounters}: how calls were answered
 * </ul>
 */
@NullMarked
package dev.shepherd.bmdb.agent;

import org.jspecify.annotations.NullMarked;
