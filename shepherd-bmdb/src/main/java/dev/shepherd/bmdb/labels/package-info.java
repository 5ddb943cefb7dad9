/**
 * What goes by the labels of machines. {@link dev.shepherd.bmdb.labels.LabelLimit}: how many machines that labels make one group
 * may be in recovery at once. The labels themselves are in {@link dev.shepherd.bmdb.MachineRecord#labels}, and operators set them
 * through {@link dev.shepherd.bmdb.operator.LabelActions}.
 */
@NullMarked
package dev.shepherd.bmdb.labels;

import org.jspecify.annotations.NullMarked;
