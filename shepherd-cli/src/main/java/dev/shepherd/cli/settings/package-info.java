/**
 * From texts to settings: what options and a configuration file give, laid over one another, checked, and set.
 *
 * <ul>
 *   <li>{@link dev.shepherd.cli.settings.Settings}: all that is given to a process; start reading here
 *   <li>{@link dev.shepherd.cli.settings.Sections}: the settings there are, each with its key and its builder's method;
 *       {@link dev.shepherd.cli.settings.Section}, {@link dev.shepherd.cli.settings.Kind}: how they are read
 *   <li>{@link dev.shepherd.cli.settings.Given}: what options give; {@code YamlReader}: what a file has; {@code Entry}:
 *       both, before it means anything
 *   <li>{@code Reading}: one reading, with {@code References} to secrets, {@code Secrecy},
 *       {@link dev.shepherd.cli.settings.Problems} and what is in effect, for the {@code Report}
 *   <li>{@link dev.shepherd.cli.settings.DatabaseSettings}, {@link dev.shepherd.cli.settings.EndpointSettings},
 *       {@link dev.shepherd.cli.settings.WebSettings}, {@link dev.shepherd.cli.settings.ProcessSettings}, {@code
 *       AgentSettings}: what is more than one builder
 *   <li>{@link dev.shepherd.cli.settings.OptionFile}: texts of options that are in files
 * </ul>
 */
@NullMarked
package dev.shepherd.cli.settings;

import org.jspecify.annotations.NullMarked;
