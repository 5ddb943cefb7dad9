package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.bmdb.BmdbSession.LossGuard;
import dev.shepherd.bmdb.operator.Operator;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.postgresql.ds.PGSimpleDataSource;

/** Opening and closing. */
class BmdbTest {

    private static final String SECRET = "hunter2";

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    @Test
    void nothingIsLeftAfterClosing() throws Exception {
        Set<Thread> before = TestDatabase.allThreads();
        long connections = connections();
        for (int i = 0; i < 5; i++) {
            Bmdb bmdb = db.open();
            bmdb.startSession("test", "host");
            await().until(() -> connections() > connections);

            bmdb.close();

            awaitNothingBeside(before, connections);
            bmdb.close();
        }
    }

    @Test
    void closingOnAnInterruptedThreadLeavesNothingEither() throws Exception {
        Set<Thread> before = TestDatabase.allThreads();
        long connections = connections();
        Bmdb bmdb = db.open();
        bmdb.startSession("test", "host");

        Thread.currentThread().interrupt();
        bmdb.close();

        assertThat(Thread.interrupted()).isTrue();
        awaitNothingBeside(before, connections);
    }

    @Test
    void closingWhileTheDatabaseHangsEndsTheThreadsToo() throws Exception {
        Set<Thread> before = TestDatabase.allThreads();
        TcpProxy proxy = db.closeLater(new TcpProxy(db.url()));
        Bmdb bmdb = db.open(config -> config.jdbcUrl(proxy.url(db.url()))
                .sessionInterval(TestDatabase.SHORT)
                .connectTimeout(TestDatabase.SHORT));
        BmdbSession session = bmdb.startSession("test", "host");
        proxy.freeze();
        await().until(() -> !session.isAlive());

        long closing = System.nanoTime();
        bmdb.close();

        assertThat(Duration.ofNanos(System.nanoTime() - closing)).isLessThan(Duration.ofSeconds(5));
        // The driver's own thread, if it was about to connect, gives up by itself.
        await().until(() -> TestDatabase.threadsBeside(before).isEmpty());
    }

    @Test
    void thereAreNoThreadsOfSessionsBeforeTheFirstSession() throws Exception {
        Bmdb bmdb = db.open();
        assertThat(TestDatabase.threads()).noneMatch(name -> name.startsWith("shepherd-bmdb-sessions"));

        bmdb.startSession("test", "host");
        await().until(() ->
                TestDatabase.threads().stream().anyMatch(name -> name.startsWith("shepherd-bmdb-sessions")));
    }

    @Test
    void closingLosesTheSessionsAndTheirWorkExpires() throws Exception {
        db.providedMachine();
        Bmdb bmdb = db.open(config -> config.sessionInterval(TestDatabase.SHORT));
        BmdbSession session = bmdb.startSession("test", "host");
        Work work = session.claim(WorkProcess.AGENT_START, Eligibility.agentStart(TestDatabase.PROVIDER), 1)
                .get(0);
        LossGuard guard = session.interruptOnLoss();

        bmdb.close();

        assertThat(Thread.currentThread().isInterrupted()).isTrue();
        guard.close();
        assertThat(session.isAlive()).isFalse();
        assertThatThrownBy(work::finish)
                .isInstanceOf(SessionExpiredException.class)
                .hasMessageContaining("the database was closed");
        work.close();
        session.close();
        await().until(() -> db.bmdb().reapExpiredSessions() == 1);
        assertThat(db.rows("select * from work")).isEmpty();
    }

    @Test
    void nothingCanBeDoneAfterClosing() throws Exception {
        Bmdb bmdb = db.open();
        bmdb.close();

        assertThatThrownBy(() -> bmdb.startSession("test", "host")).isInstanceOf(BmdbException.class);
        assertThatThrownBy(bmdb::now).isInstanceOf(BmdbException.class).hasMessageNotContaining("null");
    }

    @Test
    void anEmbeddersDataSourceIsEnough() throws Exception {
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setUrl(db.url());
        db.providedMachine();
        Bmdb bmdb = db.closeLater(Bmdb.open(source));
        BmdbSession session = bmdb.startSession("test", "host");

        for (Work work : session.claim(WorkProcess.AGENT_START, Eligibility.agentStart(TestDatabase.PROVIDER), 1)) {
            work.finish(tx -> {
                tx.putAgentStarted(work.machineId(), new byte[32]);
            });
        }

        assertThat(Operator.of(bmdb).statistics().agentStarted()).isEqualTo(1);
        bmdb.close();
        assertThatThrownBy(() -> bmdb.startSession("test", "host")).isInstanceOf(IllegalStateException.class);
        source.getConnection().close();
    }

    @Test
    void theJvmsOwnLoginTimeoutIsLeftAlone() {
        int before = DriverManager.getLoginTimeout();

        db.open();

        assertThat(DriverManager.getLoginTimeout()).isEqualTo(before);
    }

    @Test
    void aDatabaseThatCannotBeReachedIsNamedWithoutItsPassword() throws Exception {
        int port;
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = taken.getLocalPort();
        }
        String url = "jdbc:postgresql://127.0.0.1:" + port + "/fleet";

        BmdbException unreachable =
                catchThrowableOfType(BmdbException.class, () -> Bmdb.open(url + "?user=shepherd&password=" + SECRET));

        assertThat(unreachable).hasMessageContaining(url).hasMessageContaining("cannot be reached");
        assertThat(unreachable.sqlState())
                .hasValueSatisfying(state -> assertThat(state).startsWith("08"));
        assertThat(printed(unreachable)).doesNotContain(SECRET);
    }

    @Test
    void aHostThatDoesNotExistIsNamed() {
        assertThatThrownBy(() -> Bmdb.open("jdbc:postgresql://no-such-host.invalid/fleet"))
                .isInstanceOf(BmdbException.class)
                .hasMessageContaining("no-such-host.invalid/fleet");
    }

    @Test
    void aDatabaseThatDoesNotExistIsNamed() {
        String url = db.url().replaceFirst("/shepherd_test_[^?]*", "/nowhere");

        assertThatThrownBy(() -> Bmdb.open(url))
                .isInstanceOfSatisfying(
                        BmdbException.class, e -> assertThat(e.sqlState()).contains("3D000"))
                .hasMessageContaining("/nowhere");
    }

    @Test
    void aWrongPasswordIsAnErrorThatDoesNotShowIt() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Thread refusing = new Thread(() -> refusePasswords(server), "refusing server");
            refusing.setDaemon(true);
            refusing.start();
            BmdbConfig config = BmdbConfig.builder()
                    .jdbcUrl("jdbc:postgresql://127.0.0.1:" + server.getLocalPort() + "/fleet?sslmode=disable")
                    .username("shepherd")
                    .password(SECRET)
                    .build();

            BmdbException refused = catchThrowableOfType(BmdbException.class, () -> Bmdb.open(config));

            assertThat(refused).hasMessageContaining("password authentication failed for user \"shepherd\"");
            assertThat(refused.sqlState()).contains("28P01");
            assertThat(printed(refused)).doesNotContain(SECRET);
        }
    }

    @Test
    void thePasswordIsInNoLogNorName() throws Exception {
        // The server's real password where it has one; any other where it asks for none.
        String known = db.url().replaceFirst(".*[?&]password=([^&]*).*", "$1");
        String url = known.equals(db.url()) ? db.url() + "&password=" + SECRET : db.url();
        String secret = known.equals(db.url()) ? SECRET : known;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        PrintStream before = System.err;
        TcpProxy proxy = db.closeLater(new TcpProxy(db.url()));
        System.setErr(new PrintStream(printed, true, StandardCharsets.UTF_8));
        String threads;
        try (Bmdb bmdb = Bmdb.open(BmdbConfig.builder()
                        .jdbcUrl(proxy.url(url))
                        .sessionInterval(TestDatabase.SHORT)
                        .connectTimeout(Duration.ofMillis(250))
                        .build());
                BmdbSession session = bmdb.startSession("test", "host")) {
            proxy.cut();
            await().until(() -> !session.isAlive());
            assertThatThrownBy(bmdb::now)
                    .isInstanceOf(BmdbException.class)
                    .satisfies(e -> assertThat(printed(e)).doesNotContain(secret));
            threads = String.join(" ", TestDatabase.threads());
            assertThat(bmdb + " " + session + threads)
                    .contains("the database at jdbc:postgresql://127.0.0.1:")
                    .doesNotContain(secret);
        } finally {
            System.setErr(before);
        }

        assertThat(printed.toString(StandardCharsets.UTF_8)).doesNotContain(secret);
    }

    private static void awaitNothingBeside(Set<Thread> threads, long connections) {
        await().untilAsserted(() -> {
            assertThat(TestDatabase.threadsBeside(threads)).isEmpty();
            assertThat(connections()).isLessThanOrEqualTo(connections);
        });
    }

    private static long connections() throws SQLException {
        return db.number("select count(*) from pg_stat_activity where datname = current_database()"
                + " and application_name = 'shepherd'");
    }

    /** A server that knows nobody. */
    private static void refusePasswords(ServerSocket server) {
        byte[] ask = {'R', 0, 0, 0, 8, 0, 0, 0, 3};
        String refusal = "SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user \"shepherd\"\0\0";
        try {
            while (true) {
                try (Socket client = server.accept()) {
                    InputStream in = client.getInputStream();
                    in.readNBytes(length(in) - 4); // the startup
                    client.getOutputStream().write(ask);
                    in.readNBytes(1);
                    in.readNBytes(length(in) - 4); // the password
                    byte[] text = refusal.getBytes(StandardCharsets.UTF_8);
                    client.getOutputStream().write(new byte[] {'E', 0, 0, 0, (byte) (text.length + 4)});
                    client.getOutputStream().write(text);
                    client.getOutputStream().flush();
                    in.readAllBytes();
                }
            }
        } catch (IOException e) {
            // The test is over.
        }
    }

    private static int length(InputStream in) throws IOException {
        return new DataInputStream(in).readInt();
    }

    private static String printed(Throwable e) {
        StringWriter text = new StringWriter();
        e.printStackTrace(new PrintWriter(text));
        return text.toString();
    }
}
