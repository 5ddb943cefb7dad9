/** The torture test: managers that are killed, frozen and cut off over a database that fails over, and what checks them. */
@NullMarked
package dev.shepherd.benchmarks.torture;

import org.jspecify.annotations.NullMarked;
