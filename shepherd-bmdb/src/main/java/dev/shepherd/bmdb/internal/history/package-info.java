/** What is deleted once it is old enough: {@link dev.shepherd.bmdb.internal.history.HistoryPruning}. */
@NullMarked
package dev.shepherd.bmdb.internal.history;

import org.jspecify.annotations.NullMarked;
