/**
 * The feed of what happens to the fleet: {@link dev.shepherd.bmdb.feed.EventFeed} reads on from a position,
 * {@link dev.shepherd.bmdb.feed.EventReader} keeps that position in the database. The events are in
 * {@link dev.shepherd.bmdb.event}.
 */
@NullMarked
package dev.shepherd.bmdb.feed;

import org.jspecify.annotations.NullMarked;
