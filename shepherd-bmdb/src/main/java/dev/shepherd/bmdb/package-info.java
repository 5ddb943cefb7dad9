/**
 * The bare metal database: what is known of a fleet, and what makes it safe for several processes to run it together.
 * Start reading at {@link dev.shepherd.bmdb.Bmdb}, then {@link dev.shepherd.bmdb.BmdbSession}.
 *
 * <ul>
 *   <li>{@link dev.shepherd.bmdb.Bmdb}: a database that is open; {@link dev.shepherd.bmdb.BmdbConfig}: how to open it
 *   <li>{@link dev.shepherd.bmdb.BmdbSession}: a component's lease, under which it claims work and writes; {@link
 *       dev.shepherd.bmdb.BmdbTransaction}: one transaction under it, with the tags of machines
 *   <li>{@link dev.shepherd.bmdb.Work}: a machine that a session holds, and how that ends. {@code Claims} and {@code
 *       Endings} are the two halves of it, {@code EndingQueue} lets ends share a transaction
 *   <li>{@link dev.shepherd.bmdb.WorkProcess}, {@link dev.shepherd.bmdb.Eligibility}, {@link
 *       dev.shepherd.bmdb.Backoff}: what is done, to which machines, and when again
 *   <li>{@link dev.shepherd.bmdb.MachineRecord}, {@link dev.shepherd.bmdb.ProvidedMachine}, {@link
 *       dev.shepherd.bmdb.WorkHistoryEntry}: what is read
 *   <li>{@link dev.shepherd.bmdb.RecoveryPolicy} and the values beside it: the settings of recovery, and what it says;
 *       {@link dev.shepherd.bmdb.labels.LabelLimit}: how many machines that labels make one group may be in it
 * </ul>
 *
 * <p>What operators see and do is in {@link dev.shepherd.bmdb.operator}, what agents report in {@link
 * dev.shepherd.bmdb.agent}. The protocol of the manager's loops is in {@code provisioning}, {@code listing}, {@code
 * takeover} and {@code recovery}; all of these rest on {@code internal}.
 */
@NullMarked
package dev.shepherd.bmdb;

import org.jspecify.annotations.NullMarked;
