/** What a loop reports: {@link dev.shepherd.manager.status.LoopStatus}. */
@NullMarked
package dev.shepherd.manager.status;

import org.jspecify.annotations.NullMarked;
