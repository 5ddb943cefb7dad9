/** What a database does, as metrics of Micrometer: {@link dev.shepherd.bmdb.metrics.BmdbMetrics}. */
@NullMarked
package dev.shepherd.bmdb.metrics;

import org.jspecify.annotations.NullMarked;
