package dev.shepherd.benchmarks;

import dev.shepherd.testkit.ssh.ScriptedCommand;
import dev.shepherd.testkit.ssh.ScriptedSftp;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.apache.sshd.common.keyprovider.KeyPairProvider;
import org.apache.sshd.common.session.Session;
import org.apache.sshd.common.session.SessionListener;
import org.apache.sshd.server.SshServer;
import org.apache.sshd.server.subsystem.SubsystemFactory;

/** Machines whose tenant wants the manager's memory or time: ports on the loopback address that let every password in. */
final class HostileMachines implements AutoCloseable {

    /** What a machine does to its manager. */
    enum Attack {
        /** Announces a packet of SFTP of a gigabyte, and sends as much of it as is read. */
        PACKET,
        /** Lists a folder without an end, every name of it one that looks like a leftover. */
        LISTING,
        /** Sends messages that are to be ignored, without an end. */
        FLOOD
    }

    private static final int RSA_BITS = 2048;
    private static final int NAMES = 4000;
    private static final int IGNORED_BYTES = 30_000;

    private final List<SshServer> servers = new ArrayList<>();

    /** Starts one of each kind, in the order of the kinds. */
    static HostileMachines start(String agentName) throws IOException, GeneralSecurityException {
        KeyPairGenerator keys = KeyPairGenerator.getInstance("RSA");
        keys.initialize(RSA_BITS);
        HostileMachines machines = new HostileMachines();
        for (Attack attack : Attack.values()) {
            SshServer server = SshServer.setUpDefaultServer();
            server.setHost("127.0.0.1");
            server.setPort(0);
            server.setKeyPairProvider(KeyPairProvider.wrap(keys.generateKeyPair()));
            // By a key of the managers' kind it would take a library that slows them down.
            server.setPasswordAuthenticator((user, password, session) -> true);
            server.setSubsystemFactories(List.of(sftp(attack, agentName)));
            if (attack == Attack.FLOOD) {
                server.addSessionListener(new Flood());
            }
            server.start();
            machines.servers.add(server);
        }
        return machines;
    }

    int port(Attack attack) {
        return servers.get(attack.ordinal()).getPort();
    }

    @Override
    public void close() throws IOException {
        for (SshServer server : servers) {
            server.stop(true);
        }
    }

    private static final class Flood implements SessionListener {

        @Override
        public void sessionEvent(Session session, Event event) {
            if (event == Event.Authenticated) {
                Thread thread = new Thread(() -> flood(session), "hostile-flood");
                thread.setDaemon(true);
                thread.start();
            }
        }
    }

    private static void flood(Session session) {
        try {
            while (session.isOpen()) {
                session.sendIgnoreMessage(new byte[IGNORED_BYTES]);
            }
        } catch (IOException e) {
            // The manager has had enough.
        }
    }

    private static SubsystemFactory sftp(Attack attack, String agentName) {
        return ScriptedCommand.sftp((in, out, err) -> {
            ScriptedSftp sftp = new ScriptedSftp(in, out);
            sftp.greet();
            if (attack == Attack.PACKET) {
                sftp.packetWithoutAnEnd();
            }
            // The file that is uploaded, and the folder that it is in.
            sftp.handle();
            sftp.handle();
            while (true) {
                sftp.names(NAMES, NAMES, () -> "." + agentName + "." + UUID.randomUUID() + ".upload");
            }
        });
    }
}
