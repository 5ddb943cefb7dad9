/** What the library is measured with. */
@NullMarked
package dev.shepherd.benchmarks;

import org.jspecify.annotations.NullMarked;
