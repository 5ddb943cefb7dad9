/**
 * Connections by SSH, and the one place that knows the SSH library. Not exported. Start reading at {@link
 * dev.shepherd.manager.takeover.ssh.SshConnection}, which {@link dev.shepherd.manager.takeover.ssh.Ssh} makes; all it
 * needs and gives is public here, and names no type of the library:
 *
 * <ul>
 *   <li>{@link dev.shepherd.manager.takeover.ssh.SshPeer}, {@link dev.shepherd.manager.takeover.ssh.SshPublicKey},
 *       {@link dev.shepherd.manager.takeover.ssh.Login}: whom to call, which key it must have, and what to log in with
 *   <li>{@link dev.shepherd.manager.takeover.ssh.UploadSource}, {@link
 *       dev.shepherd.manager.takeover.ssh.RemoteCommand}: what is put on the host, and what runs there
 *   <li>{@link dev.shepherd.manager.takeover.ssh.SshFailure}, {@link dev.shepherd.manager.takeover.ssh.SshTrouble}:
 *       what went wrong
 *   <li>{@link dev.shepherd.manager.takeover.ssh.Threads}: waits for threads that are about to end
 * </ul>
 *
 * <p><strong>What of the inside of sshj 0.40.0 is relied on.</strong> None of it is promised, so each has a test.
 * {@code SshjInsideTest} fails when another version comes in: read its release notes and this list, then change the
 * number here.
 *
 * <ul>
 *   <li>A connected socket of the client's socket factory is used as it is: no name is looked up. {@code
 *       MonitoredSocket} ({@code SshjInsideTest})
 *   <li>The identification is the first write, the thread that reads is started before the second, and is the only one
 *       to read from then on. {@code MonitoredSocket} waits for it by that ({@code SshjInsideTest}, {@code
 *       BadWireTest})
 *   <li>The disconnect listener is called before those who wait are told. {@code SshConnection} ({@code
 *       SshjInsideTest})
 *   <li>A channel is told once what the host takes ({@code init}) before {@code open} returns; what comes for stderr
 *       passes {@code gotExtendedData} in the thread that reads. {@code CommandChannel} ({@code SshjInsideTest}, {@code
 *       HostilePeersTest})
 *   <li>The questions of a dialogue come to {@code AuthKeyboardInteractive.handle} unread, and can be read twice.
 *       {@code Dialogue} ({@code HostilePeersTest}, {@code OtherServersTest})
 *   <li>Key exchanges ask the host key verifier each time, and offer the algorithms that it knows first. {@code
 *       HostKeyCheck} ({@code HostilePeersTest}, {@code OpenSshAlgorithmsTest})
 *   <li>All loggers come from the configuration, and a password is in a packet at TRACE only. {@code QuietLoggers}
 *       ({@code SecretsTest})
 *   <li>A key file that cannot be read tells by its causes whether a passphrase or an algorithm is what is wrong.
 *       {@code PrivateKeyFile} ({@code SshCredentialsTest})
 *   <li>ECDSA keys are asked for by BouncyCastle's name. {@code EcdsaKeys} ({@code OpenSshAlgorithmsTest}, with it and
 *       without)
 * </ul>
 */
@NullMarked
package dev.shepherd.manager.takeover.ssh;

import org.jspecify.annotations.NullMarked;
