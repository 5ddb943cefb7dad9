/** What a failover of the database costs a manager: a drill, and what measures during it. */
@NullMarked
package dev.shepherd.benchmarks.failover;

import org.jspecify.annotations.NullMarked;
