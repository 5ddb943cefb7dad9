/**
 * Brings back machines whose agent fell silent. Start reading at {@link
 * dev.shepherd.manager.recovery.MachineRecoverer}; {@link dev.shepherd.manager.recovery.RecovererSettings} has its
 * settings.
 */
@NullMarked
package dev.shepherd.manager.recovery;

import org.jspecify.annotations.NullMarked;
