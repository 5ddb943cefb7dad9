/**
 * A list of machines that is read again and again, for this library's own providers; it may change with any version.
 *
 * <p>{@link dev.shepherd.provider.staticlist.list.CurrentList} is where to start reading: it holds the list as it is now,
 * or the last good one. {@link dev.shepherd.provider.staticlist.list.EntryFields} are what a provider adds to the fields
 * of an entry.
 */
@NullMarked
package dev.shepherd.provider.staticlist.list;

import org.jspecify.annotations.NullMarked;
