/**
 * What the loops share. Not exported.
 *
 * <ul>
 *   <li>{@link dev.shepherd.manager.internal.ControlLoop}: runs a loop's steps, one at a time, with backoff. Start
 *       reading here
 *   <li>{@link dev.shepherd.manager.internal.WorkLoop}: claims machines and works on several at once
 *   <li>{@link dev.shepherd.manager.internal.ProviderCalls}: the only way to a provider, within its limit of calls
 *   <li>{@link dev.shepherd.manager.internal.LoopContext}: what a loop works with; {@link
 *       dev.shepherd.manager.internal.SessionSource}: its session; {@link dev.shepherd.manager.internal.LoopMonitor}:
 *       what is told of it
 *   <li>{@link dev.shepherd.manager.internal.MachineIndex}: holds the ids of a large fleet for comparison with its
 *       listing
 * </ul>
 */
@NullMarked
package dev.shepherd.manager.internal;

import org.jspecify.annotations.NullMarked;
