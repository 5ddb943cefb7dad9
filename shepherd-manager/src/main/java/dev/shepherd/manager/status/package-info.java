/** What is told of a loop: {@link dev.shepherd.manager.status.LoopStatus}. */
@NullMarked
package dev.shepherd.manager.status;

import org.jspecify.annotations.NullMarked;
