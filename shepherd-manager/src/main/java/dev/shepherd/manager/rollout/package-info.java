/** Brings agents to another executable: {@link dev.shepherd.manager.rollout.Roller}. */
@NullMarked
package dev.shepherd.manager.rollout;

import org.jspecify.annotations.NullMarked;
