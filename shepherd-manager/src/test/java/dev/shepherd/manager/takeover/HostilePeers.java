package dev.shepherd.manager.takeover;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import dev.shepherd.agent.messages.takeover.TakeoverInit;
import dev.shepherd.testkit.ssh.ScriptedCommand;
import dev.shepherd.testkit.ssh.ScriptedSftp;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.PublicKey;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.sshd.client.future.DefaultOpenFuture;
import org.apache.sshd.client.future.OpenFuture;
import org.apache.sshd.common.SshConstants;
import org.apache.sshd.common.channel.Channel;
import org.apache.sshd.common.channel.ChannelFactory;
import org.apache.sshd.common.session.Session;
import org.apache.sshd.common.session.SessionListener;
import org.apache.sshd.common.util.buffer.Buffer;
import org.apache.sshd.server.SshServer;
import org.apache.sshd.server.auth.keyboard.InteractiveChallenge;
import org.apache.sshd.server.auth.keyboard.KeyboardInteractiveAuthenticator;
import org.apache.sshd.server.auth.keyboard.UserAuthKeyboardInteractiveFactory;
import org.apache.sshd.server.channel.ChannelSession;
import org.apache.sshd.server.session.ServerSession;
import org.jspecify.annotations.Nullable;

/** Hosts that send without an end, or say that they will, in one of the places where a count or a length stands. */
final class HostilePeers {

    /** What a server does to a session. */
    private interface Flood {
        void send(Session session) throws IOException;
    }

    enum Attack {
        LINES_BEFORE_THE_IDENTIFICATION(raw(socket -> repeat(socket.getOutputStream(), "x".repeat(79) + "\r\n"))),
        A_LINE_BEFORE_THE_IDENTIFICATION(raw(socket -> repeat(socket.getOutputStream(), "x".repeat(4096)))),
        BYTES_AFTER_THE_IDENTIFICATION(
                raw(socket -> repeat(socket.getOutputStream(), "SSH-2.0-x\r\n" + "y".repeat(4096)))),
        A_LENGTH_OF_AN_SSH_PACKET(raw(socket -> {
            socket.getOutputStream()
                    .write("SSH-2.0-x\r\n\u007f\u007f\u007f\u007f\4".getBytes(StandardCharsets.ISO_8859_1));
            socket.getInputStream().readAllBytes();
        })),
        A_DRIP(raw(socket -> {
            for (int i = 0; i < 600; i++) {
                socket.getOutputStream().write('S');
                pause();
            }
        })),
        SFTP_LENGTH(sftp(ScriptedSftp::packetWithoutAnEnd)),
        SFTP_TEXT(subsystem((in, out, err) -> repeat(out, "Not for you. "))),
        SFTP_EXTENSIONS(sftp(sftp -> {
            sftp.next();
            ByteBuffer many = ByteBuffer.allocate(250_000);
            many.putInt(3);
            while (many.remaining() > 8) {
                many.putInt(0).putInt(0);
            }
            sftp.send(2, Arrays.copyOf(many.array(), many.position()));
            sftp.ignore();
        })),
        SFTP_LENGTH_LATER(sftp(sftp -> {
            sftp.greet();
            sftp.packetWithoutAnEnd();
        })),
        SFTP_HANDLE(sftp(sftp -> {
            sftp.greet();
            sftp.send(
                    102,
                    ByteBuffer.allocate(30_008)
                            .putInt(sftp.next())
                            .putInt(30_000)
                            .array());
            sftp.ignore();
        })),
        SFTP_STATUS(sftp(sftp -> {
            sftp.greet();
            sftp.send(
                    101,
                    ByteBuffer.allocate(32_000)
                            .putInt(sftp.next())
                            .putInt(4)
                            .putInt(31_988)
                            .array());
            sftp.ignore();
        })),
        SFTP_NAMES(sftp(sftp -> list(sftp, 4000, 4000, ".agent."))),
        SFTP_OTHER_NAMES(sftp(sftp -> list(sftp, 4000, 4000, ".other."))),
        SFTP_NO_NAMES(sftp(sftp -> list(sftp, 0, 0, ".other."))),
        SFTP_NUMBER_OF_NAMES(sftp(sftp -> list(sftp, -1, 1, ".other."))),
        SFTP_NUMBER_OF_ATTRIBUTES(sftp(sftp -> {
            sftp.greet();
            sftp.handle();
            sftp.handle();
            sftp.send(
                    104,
                    ByteBuffer.allocate(200_000)
                            .putInt(sftp.next())
                            .putInt(1)
                            .putLong(0)
                            .putInt(0x80000000)
                            .putInt(-1)
                            .array());
            sftp.ignore();
        })),
        SFTP_ANSWERS_TO_NOTHING(sftp(sftp -> {
            sftp.greet();
            while (true) {
                sftp.send(101, ByteBuffer.allocate(16).putInt(77).array());
            }
        })),
        SCP(agent((in, out, err) -> repeat(out, "\1Not for you.\n"), false)),
        STDOUT(agent((in, out, err) -> repeat(out, "A".repeat(32_768)), true)),
        STDERR(agent((in, out, err) -> repeat(err, "A\n".repeat(16_384)), true)),
        STDOUT_DRIP(agent(
                (in, out, err) -> {
                    while (true) {
                        out.write('A');
                        out.flush();
                        pause();
                    }
                },
                true)),
        WARNINGS(agent((in, out, err) -> out.write(answer(in.readAllBytes(), 500_000, "")), true)),
        A_LONG_WARNING(agent((in, out, err) -> out.write(answer(in.readAllBytes(), 1, "\1".repeat(1_000_000))), true)),
        FIELDS_THAT_ARE_NOT_KNOWN(agent(
                (in, out, err) -> {
                    ByteArrayOutputStream all = new ByteArrayOutputStream();
                    all.writeBytes(answer(in.readAllBytes(), 0, ""));
                    CodedOutputStream fields = CodedOutputStream.newInstance(all);
                    for (int i = 0; i < 200_000; i++) {
                        fields.writeBool(100 + i, true);
                    }
                    fields.flush();
                    out.write(all.toByteArray());
                },
                true)),
        NESTING(agent(
                (in, out, err) -> {
                    byte[] groups = new byte[900_000];
                    Arrays.fill(groups, (byte) 0x23);
                    out.write(groups);
                },
                true)),
        AN_ERROR(agent(
                (in, out, err) -> {
                    ByteArrayOutputStream error = new ByteArrayOutputStream();
                    CodedOutputStream message = CodedOutputStream.newInstance(error);
                    message.writeByteArray(2, field(1, new byte[900_000]));
                    message.flush();
                    out.write(error.toByteArray());
                },
                true)),
        IGNORED(flood(session -> session.sendIgnoreMessage(new byte[30_000]))),
        DEBUGGED(flood(session -> session.sendDebugMessage(true, "x".repeat(30_000), ""))),
        GLOBAL_REQUESTS(flood(session -> {
            Buffer buffer = session.createBuffer(SshConstants.SSH_MSG_GLOBAL_REQUEST);
            buffer.putString("hostkeys-00@openssh.com");
            buffer.putBoolean(true);
            session.writePacket(buffer);
        })),
        CHANNELS(flood(session -> {
            Buffer buffer = session.createBuffer(SshConstants.SSH_MSG_CHANNEL_OPEN);
            buffer.putString("x11");
            buffer.putUInt(7);
            buffer.putUInt(1 << 20);
            buffer.putUInt(32_768);
            session.writePacket(buffer);
        })),
        NEW_KEYS(flood(session -> session.reExchangeKeys().verify(10, TimeUnit.SECONDS))),
        BANNERS(server(server -> server.setPublickeyAuthenticator((user, key, session) -> {
            try {
                while (true) {
                    Buffer buffer = session.createBuffer(SshConstants.SSH_MSG_USERAUTH_BANNER);
                    buffer.putString("x".repeat(30_000));
                    buffer.putString("");
                    session.writePacket(buffer).verify(10, TimeUnit.SECONDS);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }))),
        QUESTIONS(server(server -> {
            server.setPublickeyAuthenticator(null);
            server.setUserAuthFactories(List.of(UserAuthKeyboardInteractiveFactory.INSTANCE));
            server.setKeyboardInteractiveAuthenticator(new Questions());
        })),
        A_PACKET_OF_NOTHING(server(server -> server.setChannelFactories(List.of(new NothingAtATime()))));

        private final @Nullable Talk talk;
        private final Consumer<SshServer> differences;

        Attack(Talk talk) {
            this.talk = talk;
            this.differences = server -> {};
        }

        Attack(Consumer<SshServer> differences) {
            this.talk = null;
            this.differences = differences;
        }
    }

    /** What a host says on a plain connection. */
    private interface Talk {
        void to(Socket socket) throws Exception;
    }

    private interface SftpServer {
        void serve(ScriptedSftp sftp) throws Exception;
    }

    private HostilePeers() {}

    /** Starts a host, on a port that is told when it listens. */
    static AutoCloseable start(Attack attack, PublicKey client, Consumer<TakeoverTarget> listening) throws Exception {
        if (attack.talk == null) {
            MinaServer server = new MinaServer(client, attack.differences);
            listening.accept(server.target());
            return server;
        }
        ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        daemon(() -> {
            while (true) {
                Socket socket = listener.accept();
                daemon(() -> {
                    try (socket) {
                        attack.talk.to(socket);
                    }
                });
            }
        });
        listening.accept(TakeoverFixture.target(listener.getInetAddress(), listener.getLocalPort())
                .build());
        return listener;
    }

    private interface Task {
        void run() throws Exception;
    }

    private static void daemon(Task task) {
        Thread thread = new Thread(
                () -> {
                    try {
                        task.run();
                    } catch (Exception e) {
                        // The client has had enough.
                    }
                },
                "hostile");
        thread.setDaemon(true);
        thread.start();
    }

    private static void pause() throws InterruptedException {
        new CountDownLatch(1).await(100, TimeUnit.MILLISECONDS);
    }

    private static void repeat(OutputStream out, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        while (true) {
            out.write(bytes);
            out.flush();
        }
    }

    private static Talk raw(Talk talk) {
        return talk;
    }

    private static Consumer<SshServer> server(Consumer<SshServer> differences) {
        return differences;
    }

    private static Consumer<SshServer> sftp(SftpServer server) {
        return subsystem((in, out, err) -> server.serve(new ScriptedSftp(in, out)));
    }

    private static Consumer<SshServer> subsystem(ScriptedCommand.Script script) {
        return server -> server.setSubsystemFactories(List.of(ScriptedCommand.sftp(script)));
    }

    private static Consumer<SshServer> agent(ScriptedCommand.Script program, boolean afterAnUpload) {
        Consumer<SshServer> upload = sftp(sftp -> {
            sftp.greet();
            sftp.handle();
            sftp.handle();
            sftp.status(1);
            while (true) {
                sftp.status(0);
            }
        });
        return server -> {
            if (afterAnUpload) {
                upload.accept(server);
            } else {
                server.setSubsystemFactories(List.of());
            }
            server.setCommandFactory((channel, command) -> ScriptedCommand.of(program));
        };
    }

    /** Lists the folder of the uploaded file without an end. */
    private static void list(ScriptedSftp sftp, int claimed, int named, String start) throws IOException {
        sftp.greet();
        sftp.handle();
        sftp.handle();
        while (true) {
            sftp.names(claimed, named, () -> start + UUID.randomUUID() + ".upload");
        }
    }

    private static Consumer<SshServer> flood(Flood flood) {
        return server -> server.addSessionListener(new SessionListener() {
            @Override
            public void sessionEvent(Session session, Event event) {
                if (event == Event.Authenticated) {
                    daemon(() -> {
                        while (session.isOpen()) {
                            flood.send(session);
                        }
                    });
                }
            }
        });
    }

    private static byte[] answer(byte[] init, int warnings, String warning) throws IOException {
        TakeoverInit.parseFrom(init);
        ByteArrayOutputStream success = new ByteArrayOutputStream();
        CodedOutputStream fields = CodedOutputStream.newInstance(success);
        fields.writeByteArray(1, init);
        fields.writeBytes(2, ByteString.copyFrom(QuickAgent.key().toByteArray()));
        for (int i = 0; i < warnings; i++) {
            fields.writeString(3, warning);
        }
        fields.flush();
        return field(1, success.toByteArray());
    }

    private static byte[] field(int number, byte[] content) throws IOException {
        ByteArrayOutputStream message = new ByteArrayOutputStream();
        CodedOutputStream fields = CodedOutputStream.newInstance(message);
        fields.writeByteArray(number, content);
        fields.flush();
        return message.toByteArray();
    }

    /** Asks two billion questions. */
    private static final class Questions implements KeyboardInteractiveAuthenticator {

        @Override
        public InteractiveChallenge generateChallenge(
                ServerSession session, String user, String language, String submethods) throws IOException {
            Buffer buffer = session.createBuffer(SshConstants.SSH_MSG_USERAUTH_INFO_REQUEST);
            buffer.putString("");
            buffer.putString("");
            buffer.putString("");
            buffer.putUInt(Integer.MAX_VALUE);
            session.writePacket(buffer);
            return null;
        }

        @Override
        public boolean authenticate(ServerSession session, String user, List<String> responses) {
            return false;
        }
    }

    /** Says that a channel takes packets of no byte. */
    private static final class NothingAtATime implements ChannelFactory {

        @Override
        public String getName() {
            return "session";
        }

        @Override
        public Channel createChannel(Session session) {
            return new ChannelSession() {
                @Override
                public OpenFuture open(long recipient, long window, long packet, Buffer rest) {
                    try {
                        Buffer buffer = session.createBuffer(SshConstants.SSH_MSG_CHANNEL_OPEN_CONFIRMATION);
                        buffer.putUInt(recipient);
                        buffer.putUInt(0);
                        buffer.putUInt(1 << 20);
                        buffer.putUInt(0);
                        session.writePacket(buffer);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                    return new DefaultOpenFuture(this, this);
                }
            };
        }
    }
}
