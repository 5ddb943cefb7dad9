package dev.shepherd.benchmarks;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.apache.sshd.common.keyprovider.KeyPairProvider;
import org.apache.sshd.common.session.Session;
import org.apache.sshd.common.session.SessionListener;
import org.apache.sshd.server.Environment;
import org.apache.sshd.server.ExitCallback;
import org.apache.sshd.server.SshServer;
import org.apache.sshd.server.channel.ChannelSession;
import org.apache.sshd.server.command.Command;
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
    private static final int NAME_BYTES = 64;
    private static final int IGNORED_BYTES = 30_000;
    private static final int CHUNK = 4096;

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
            server.setSubsystemFactories(List.of(new Sftp(attack, agentName)));
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

    private static void start(String name, Attacking attack) {
        Thread thread = new Thread(
                () -> {
                    try {
                        attack.run();
                    } catch (IOException e) {
                        // The manager has had enough.
                    }
                },
                name);
        thread.setDaemon(true);
        thread.start();
    }

    @FunctionalInterface
    private interface Attacking {
        void run() throws IOException;
    }

    private static final class Flood implements SessionListener {

        @Override
        public void sessionEvent(Session session, Event event) {
            if (event == Event.Authenticated) {
                start("hostile-flood", () -> {
                    while (session.isOpen()) {
                        session.sendIgnoreMessage(new byte[IGNORED_BYTES]);
                    }
                });
            }
        }
    }

    private record Sftp(Attack attack, String agentName) implements SubsystemFactory {

        @Override
        public String getName() {
            return "sftp";
        }

        @Override
        public Command createSubsystem(ChannelSession channel) {
            return new Serving(attack, agentName);
        }
    }

    private static final class Serving implements Command {

        private final Attack attack;
        private final String agentName;
        private InputStream in = InputStream.nullInputStream();
        private OutputStream out = OutputStream.nullOutputStream();

        Serving(Attack attack, String agentName) {
            this.attack = attack;
            this.agentName = agentName;
        }

        @Override
        public void setInputStream(InputStream stream) {
            in = stream;
        }

        @Override
        public void setOutputStream(OutputStream stream) {
            out = stream;
        }

        @Override
        public void setErrorStream(OutputStream stream) {}

        @Override
        public void setExitCallback(ExitCallback callback) {}

        @Override
        public void start(ChannelSession channel, Environment env) {
            HostileMachines.start("hostile-sftp", this::serve);
        }

        @Override
        public void destroy(ChannelSession channel) {}

        private void serve() throws IOException {
            next();
            send(2, new byte[] {0, 0, 0, 3});
            if (attack == Attack.PACKET) {
                out.write(new byte[] {0x3f, -1, -1, -1});
                while (true) {
                    out.write(new byte[CHUNK]);
                    out.flush();
                }
            }
            // The file that is uploaded, and the folder that it is in.
            for (int i = 0; i < 2; i++) {
                send(
                        102,
                        ByteBuffer.allocate(9)
                                .putInt(next())
                                .putInt(1)
                                .put((byte) 7)
                                .array());
            }
            while (true) {
                ByteBuffer names = ByteBuffer.allocate(8 + NAMES * NAME_BYTES);
                names.putInt(next()).putInt(NAMES);
                for (int i = 0; i < NAMES; i++) {
                    byte[] name =
                            ("." + agentName + "." + UUID.randomUUID() + ".upload").getBytes(StandardCharsets.US_ASCII);
                    names.putInt(name.length).put(name).putInt(0).putInt(0);
                }
                send(104, Arrays.copyOf(names.array(), names.position()));
            }
        }

        private int next() throws IOException {
            int length = ByteBuffer.wrap(in.readNBytes(Integer.BYTES)).getInt();
            return ByteBuffer.wrap(in.readNBytes(length)).getInt(1);
        }

        private void send(int type, byte[] content) throws IOException {
            out.write(ByteBuffer.allocate(5 + content.length)
                    .putInt(1 + content.length)
                    .put((byte) type)
                    .put(content)
                    .array());
            out.flush();
        }
    }
}
