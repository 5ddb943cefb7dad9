/**
 * What an operator sees of a fleet and does to it. Start reading at {@link dev.shepherd.bmdb.operator.Operator}.
 *
 * <ul>
 *   <li>{@link dev.shepherd.bmdb.operator.Pause}, {@link dev.shepherd.bmdb.operator.Quarantine}: what keeps loops off
 *   <li>{@link dev.shepherd.bmdb.operator.Statistics}, {@link dev.shepherd.bmdb.operator.QueueCheck}: counts and checks
 *   <li>{@link dev.shepherd.bmdb.operator.LabelActions}: the labels of machines
 *   <li>{@code ExplainQueries}, {@code StatisticsQueries}, {@code QueueQueries}: the statements behind them
 * </ul>
 */
@NullMarked
package dev.shepherd.bmdb.operator;

import org.jspecify.annotations.NullMarked;
