package dev.shepherd.manager.takeover;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import dev.shepherd.manager.takeover.proto.TakeoverInit;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
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
import org.apache.sshd.server.Environment;
import org.apache.sshd.server.ExitCallback;
import org.apache.sshd.server.SshServer;
import org.apache.sshd.server.auth.keyboard.InteractiveChallenge;
import org.apache.sshd.server.auth.keyboard.KeyboardInteractiveAuthenticator;
import org.apache.sshd.server.auth.keyboard.UserAuthKeyboardInteractiveFactory;
import org.apache.sshd.server.channel.ChannelSession;
import org.apache.sshd.server.command.Command;
import org.apache.sshd.server.session.ServerSession;
import org.apache.sshd.server.subsystem.SubsystemFactory;
import org.jspecify.annotations.Nullable;

/** Hosts that send without an end, or say that they will, in one of the places where a count or a length stands. */
final class HostilePeers {

    /** What a program on the host does with what it reads and writes. */
    private interface Program {
        void run(InputStream in, OutputStream out, OutputStream err) throws Exception;
    }

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
        SFTP_LENGTH(sftp(Attack::claim)),
        SFTP_TEXT(sftp((in, out) -> repeat(out, "Not for you. "))),
        SFTP_EXTENSIONS(sftp((in, out) -> {
            next(in);
            ByteBuffer many = ByteBuffer.allocate(250_000);
            many.putInt(3);
            while (many.remaining() > 8) {
                many.putInt(0).putInt(0);
            }
            send(out, 2, Arrays.copyOf(many.array(), many.position()));
            in.readAllBytes();
        })),
        SFTP_LENGTH_LATER(sftp((in, out) -> {
            greet(in, out);
            claim(in, out);
        })),
        SFTP_HANDLE(sftp((in, out) -> {
            greet(in, out);
            send(
                    out,
                    102,
                    ByteBuffer.allocate(30_008).putInt(next(in)).putInt(30_000).array());
            in.readAllBytes();
        })),
        SFTP_STATUS(sftp((in, out) -> {
            greet(in, out);
            send(
                    out,
                    101,
                    ByteBuffer.allocate(32_000)
                            .putInt(next(in))
                            .putInt(4)
                            .putInt(31_988)
                            .array());
            in.readAllBytes();
        })),
        SFTP_NAMES(sftp((in, out) -> list(in, out, 4000, 4000, true))),
        SFTP_OTHER_NAMES(sftp((in, out) -> list(in, out, 4000, 4000, false))),
        SFTP_NO_NAMES(sftp((in, out) -> list(in, out, 0, 0, false))),
        SFTP_NUMBER_OF_NAMES(sftp((in, out) -> list(in, out, -1, 1, false))),
        SFTP_NUMBER_OF_ATTRIBUTES(sftp((in, out) -> {
            greet(in, out);
            open(in, out);
            send(
                    out,
                    104,
                    ByteBuffer.allocate(200_000)
                            .putInt(next(in))
                            .putInt(1)
                            .putLong(0)
                            .putInt(0x80000000)
                            .putInt(-1)
                            .array());
            in.readAllBytes();
        })),
        SFTP_ANSWERS_TO_NOTHING(sftp((in, out) -> {
            greet(in, out);
            while (true) {
                send(out, 101, ByteBuffer.allocate(16).putInt(77).array());
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

        /** A packet of a gigabyte, and as much of it as is read. */
        private static void claim(InputStream in, OutputStream out) throws IOException {
            out.write(new byte[] {0x3f, -1, -1, -1});
            repeat(out, "x".repeat(4096));
        }
    }

    /** What a host says on a plain connection. */
    private interface Talk {
        void to(Socket socket) throws Exception;
    }

    private interface SftpServer {
        void serve(InputStream in, OutputStream out) throws Exception;
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

    private static Consumer<SshServer> sftp(SftpServer sftp) {
        return server -> server.setSubsystemFactories(List.of(subsystem((in, out, err) -> sftp.serve(in, out))));
    }

    private static Consumer<SshServer> agent(Program program, boolean afterAnUpload) {
        return server -> {
            if (!afterAnUpload) {
                server.setSubsystemFactories(List.of());
            } else {
                server.setSubsystemFactories(List.of(subsystem((in, out, err) -> {
                    greet(in, out);
                    open(in, out);
                    send(
                            out,
                            101,
                            ByteBuffer.allocate(8).putInt(next(in)).putInt(1).array());
                    while (true) {
                        send(out, 101, ByteBuffer.allocate(8).putInt(next(in)).array());
                    }
                })));
            }
            server.setCommandFactory((channel, command) -> new Running(program));
        };
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

    private static SubsystemFactory subsystem(Program program) {
        return new SubsystemFactory() {
            @Override
            public String getName() {
                return "sftp";
            }

            @Override
            public Command createSubsystem(ChannelSession channel) {
                return new Running(program);
            }
        };
    }

    private static final class Running implements Command {

        private final Program program;
        private InputStream in = InputStream.nullInputStream();
        private OutputStream out = OutputStream.nullOutputStream();
        private OutputStream err = OutputStream.nullOutputStream();
        private ExitCallback exit = (status, message, closed) -> {};

        Running(Program program) {
            this.program = program;
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
        public void setErrorStream(OutputStream stream) {
            err = stream;
        }

        @Override
        public void setExitCallback(ExitCallback callback) {
            exit = callback;
        }

        @Override
        public void start(ChannelSession channel, Environment env) {
            daemon(() -> {
                program.run(in, out, err);
                out.flush();
                exit.onExit(0);
            });
        }

        @Override
        public void destroy(ChannelSession channel) {}
    }

    /** Reads a message, and returns what is the id of a request in all but the first. */
    private static int next(InputStream in) throws IOException {
        int length = ByteBuffer.wrap(in.readNBytes(4)).getInt();
        return ByteBuffer.wrap(in.readNBytes(length)).getInt(1);
    }

    private static void send(OutputStream out, int type, byte[] content) throws IOException {
        out.write(ByteBuffer.allocate(5 + content.length)
                .putInt(1 + content.length)
                .put((byte) type)
                .put(content)
                .array());
        out.flush();
    }

    private static void greet(InputStream in, OutputStream out) throws IOException {
        next(in);
        send(out, 2, new byte[] {0, 0, 0, 3});
    }

    /** Opens the file that is uploaded, then the folder that it is in. */
    private static void open(InputStream in, OutputStream out) throws IOException {
        for (int i = 0; i < 2; i++) {
            send(
                    out,
                    102,
                    ByteBuffer.allocate(9)
                            .putInt(next(in))
                            .putInt(1)
                            .put((byte) 7)
                            .array());
        }
    }

    private static void list(InputStream in, OutputStream out, int claimed, int named, boolean wanted)
            throws IOException {
        greet(in, out);
        open(in, out);
        while (true) {
            ByteBuffer names = ByteBuffer.allocate(8 + named * 64);
            names.putInt(next(in)).putInt(claimed);
            for (int i = 0; i < named; i++) {
                byte[] name = ((wanted ? ".agent." : ".other.") + UUID.randomUUID() + ".upload")
                        .getBytes(StandardCharsets.US_ASCII);
                names.putInt(name.length).put(name).putInt(0).putInt(0);
            }
            send(out, 104, Arrays.copyOf(names.array(), names.position()));
        }
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
