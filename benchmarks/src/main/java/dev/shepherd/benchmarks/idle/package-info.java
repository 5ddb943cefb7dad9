/** What counts the statements of a manager that has nothing to do. */
@NullMarked
package dev.shepherd.benchmarks.idle;

import org.jspecify.annotations.NullMarked;
