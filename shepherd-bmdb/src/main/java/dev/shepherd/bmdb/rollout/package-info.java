/**
 * The protocol of rollouts: which machines are brought to another executable of the agent next, within the limits of
 * recovery, and what becomes of each. Start with {@link dev.shepherd.bmdb.rollout.Rollouts}, which the manager's loop
 * calls, and {@link dev.shepherd.bmdb.rollout.RolloutTakeovers}, which its takeovers call. What operators do is in {@code
 * dev.shepherd.bmdb.operator}.
 */
@NullMarked
package dev.shepherd.bmdb.rollout;

import org.jspecify.annotations.NullMarked;
