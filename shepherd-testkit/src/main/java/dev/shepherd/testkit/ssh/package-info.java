/**
 * SSH servers in this process, each of which stands for one machine.
 *
 * <ul>
 *   <li>{@link dev.shepherd.testkit.ssh.SshHost}: one machine, with its files, processes and logins; start reading here
 *   <li>{@link dev.shepherd.testkit.ssh.SshHosts}: the threads and process slots that many of them share
 *   <li>{@link dev.shepherd.testkit.ssh.Mood}: the ways in which a machine misbehaves
 *   <li>{@link dev.shepherd.testkit.ssh.ScriptedCommand}, {@link dev.shepherd.testkit.ssh.ScriptedSftp}: for an Apache
 *       MINA server of a test's own that misbehaves in other ways
 * </ul>
 *
 * <p>Inside, {@code HostPort}, {@code HostAccounts}, {@code HostFolder}, {@code HostProcesses} and {@code HostRecord} are
 * what a host is made of. {@code Connections} meets each connection, {@code HostSession} ties Apache MINA's session to its host, and
 * {@code HostLogin}, {@code HostFiles} and {@code HostCommands} serve logins, uploads and commands. A
 * {@code HostCommand} is one process; {@code CommandLine} says which. MINA logs through SLF4J below
 * {@code org.apache.sshd}; in bad moods it complains there.
 *
 * <h2>Files</h2>
 *
 * Absolute and relative paths alike are below {@link dev.shepherd.testkit.ssh.SshHost#root()}, which stands for the
 * machine's {@code /}, and none leads out of it. The folders {@code /root} and {@code /tmp} exist. SFTP is version 3, with
 * the extensions of OpenSSH for renaming over an existing file and for syncing it to the disk.
 *
 * <h2>Commands</h2>
 *
 * The words of a command line that begin with a slash are below the root too, other than those below {@code /dev} and
 * {@code /proc}, and programs in {@code /bin}, {@code /sbin} and {@code /usr}. A line that just calls a file of the host
 * runs that file; any other is run by {@code /bin/sh} in the root. What is quoted inside a word stays as it is. The
 * environment is a fresh one: {@code JAVA_HOME} is that of this JVM, whose {@code bin} comes first in {@code PATH}. When
 * the channel or the connection is closed, the process and its descendants are asked to end, and killed half a second
 * later. There are neither terminals nor login shells, and nothing is forwarded.
 *
 * <p>This serves tests: commands run as the user of this JVM and are <em>not</em> confined to the host's folder. It needs
 * a POSIX system; daemons that a command left behind are found where there is a {@code /proc} as on Linux.
 */
@NullMarked
package dev.shepherd.testkit.ssh;

import org.jspecify.annotations.NullMarked;
