/**
 * Threads that go on: {@link dev.shepherd.bmdb.threads.LastingThread}. Exported to the agents' endpoint alone, which has
 * such threads, too.
 */
@NullMarked
package dev.shepherd.bmdb.threads;

import org.jspecify.annotations.NullMarked;
