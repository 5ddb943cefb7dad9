/**
 * The database's half of recovery. Exported to the manager alone. Start reading at {@link
 * dev.shepherd.bmdb.recovery.Recoveries}.
 *
 * <ul>
 *   <li>{@link dev.shepherd.bmdb.recovery.RecoveryRules}: which machines are due, as a list of rules
 *   <li>{@link dev.shepherd.bmdb.recovery.RecoveryLimits}: how many of them the limits leave room for; {@link
 *       dev.shepherd.bmdb.recovery.FreezeQueries}: where recovery freezes; {@code RecoveryLooks}: since when it looks;
 *       {@code InRecovery}: who takes up a place; {@code LabelRoom}: the limits that go by labels
 *   <li>{@link dev.shepherd.bmdb.recovery.RecoveryPlaces}, {@link dev.shepherd.bmdb.recovery.Silence}: what rollouts ask
 *   <li>{@link dev.shepherd.bmdb.recovery.RecoveryStates}, {@link dev.shepherd.bmdb.recovery.RecoveryAttempt}: what was
 *       tried; {@code WipedTags}: what a reinstallation takes from a machine's record
 * </ul>
 */
@NullMarked
package dev.shepherd.bmdb.recovery;

import org.jspecify.annotations.NullMarked;
