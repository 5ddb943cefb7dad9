/**
 * SSH servers in this process, each of which stands for one machine.
 *
 * <ul>
 *   <li>{@link dev.shepherd.testkit.ssh.SshHost}: one machine, with its files, processes and logins; start reading here
 *   <li>{@link dev.shepherd.testkit.ssh.SshHosts}: the threads and process slots that many of them share
 *   <li>{@link dev.shepherd.testkit.ssh.Mood}: the ways in which a machine misbehaves
 * </ul>
 *
 * <p>Inside, {@code Connections} meets each connection, {@code HostSession} ties Apache MINA's session to its host,
 * {@code HostLogin}, {@code HostFiles} and {@code HostCommands} serve logins, uploads and commands, and
 * {@code HostCommand} is one process.
 */
@NullMarked
package dev.shepherd.testkit.ssh;

import org.jspecify.annotations.NullMarked;
