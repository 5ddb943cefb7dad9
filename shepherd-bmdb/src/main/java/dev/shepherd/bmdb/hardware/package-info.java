/**
 * What machines are made of, as their agents say: {@link dev.shepherd.bmdb.hardware.Hardware} is a report that was
 * read, {@link dev.shepherd.bmdb.hardware.HardwareChange} what the next report says differently,
 * {@link dev.shepherd.bmdb.hardware.HardwareDescription} what people are shown. Start at
 * {@link dev.shepherd.bmdb.hardware.Hardware#read}. Knows nothing of the database.
 */
@NullMarked
package dev.shepherd.bmdb.hardware;

import org.jspecify.annotations.NullMarked;
