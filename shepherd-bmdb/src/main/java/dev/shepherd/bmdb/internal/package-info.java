/**
 * What the packages of this module share. Not exported.
 *
 * <ul>
 *   <li>{@link dev.shepherd.bmdb.internal.Transactions}: runs transactions and repeats them; {@link
 *       dev.shepherd.bmdb.internal.Handle}: what the statements of one run on. Start reading here
 *   <li>{@link dev.shepherd.bmdb.internal.Database}: how another package of this module gets at the inside of a Bmdb
 *   <li>{@link dev.shepherd.bmdb.internal.WorkQueries}, {@link dev.shepherd.bmdb.internal.DueQueue}: claims, their
 *       ends, and the queue of what is due
 *   <li>{@link dev.shepherd.bmdb.internal.TagQueries}, {@link dev.shepherd.bmdb.internal.ProvidedQueries}, {@link
 *       dev.shepherd.bmdb.internal.MachineQueries}, {@link dev.shepherd.bmdb.internal.MachineConditions}: machines and
 *       their tags
 *   <li>{@link dev.shepherd.bmdb.internal.SessionKeeper}: heartbeats of sessions and the reaping of expired ones, with
 *       {@link dev.shepherd.bmdb.internal.Losses} and {@link dev.shepherd.bmdb.internal.ClockStep}
 *   <li>{@link dev.shepherd.bmdb.internal.PrimarySource}, {@link dev.shepherd.bmdb.internal.Servers}: finding the
 *       primary
 *   <li>{@link dev.shepherd.bmdb.internal.Opening}, {@link dev.shepherd.bmdb.internal.Schema}: what happens when a
 *       database is opened
 * </ul>
 */
@NullMarked
package dev.shepherd.bmdb.internal;

import org.jspecify.annotations.NullMarked;
