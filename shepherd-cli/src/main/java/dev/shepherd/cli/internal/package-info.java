/**
 * What commands share.
 *
 * <ul>
 *   <li>{@link dev.shepherd.cli.internal.DatabaseOptions}: which database, and opening it; most commands begin with it
 *   <li>{@link dev.shepherd.cli.internal.ProviderFactories}, {@link dev.shepherd.cli.internal.FoundProvider},
 *       {@code Plugin},
 *       {@code PluginProvider}: the kinds of provider on the class path and in plugins
 *   <li>{@link dev.shepherd.cli.internal.PluginOptions}, {@link dev.shepherd.cli.internal.PropertyOptions},
 *       {@link dev.shepherd.cli.internal.RecoveryOptions}: options of several commands
 *   <li>{@link dev.shepherd.cli.internal.Setting}, {@link dev.shepherd.cli.settings.OptionFile},
 *       {@link dev.shepherd.cli.internal.SpanConverter}: from the text of an option to its value
 *   <li>{@link dev.shepherd.cli.internal.AgentListener}: where agents report while a command runs
 *   <li>{@link dev.shepherd.cli.internal.Shutdown}: the end of the process as something to wait for
 *   <li>{@link dev.shepherd.cli.internal.Terminal}, {@link dev.shepherd.cli.internal.Logging}: what reaches the screen
 * </ul>
 */
@NullMarked
package dev.shepherd.cli.internal;

import org.jspecify.annotations.NullMarked;
