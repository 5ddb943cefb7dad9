package dev.shepherd.callback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.callback.AgentRequest;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.callback.AgentEndpointStatus.Outcome;
import dev.shepherd.testkit.database.BmdbExtension;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** One machine, or one address, does its worst: the others must not notice. */
@Timeout(120)
class HostileClientsTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private static final String HERE = "127.0.0.1";
    private static final String THERE = "127.0.0.2";

    private final List<TestMachine.Connection> open = new ArrayList<>();
    private AgentCallback callback;
    private AgentEndpoint endpoint;
    private TestMachine victim;
    private TestMachine hostile;

    @BeforeEach
    void recordTwoMachines() throws Exception {
        victim = TestMachine.recorded(database, HERE);
        hostile = TestMachine.recorded(database, THERE);
        callback = AgentCallback.of(database.bmdb());
        callback.start();
    }

    private void start(UnaryOperator<AgentEndpointLimits.Builder> limits) {
        endpoint = AgentEndpoint.builder()
                .callback(callback)
                .address(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .limits(limits.apply(AgentEndpointLimits.builder()).build())
                .build();
        endpoint.start();
    }

    @AfterEach
    void closeEverything() throws Exception {
        for (TestMachine.Connection connection : open) {
            connection.close();
        }
        callback.close();
        endpoint.close();
    }

    private TestMachine.Connection connect(TestMachine machine) throws Exception {
        TestMachine.Connection connection = machine.connect(endpoint);
        open.add(connection);
        return connection;
    }

    private void victimIsHeardAtOnce() throws Exception {
        long since = System.nanoTime();
        assertThat(victim.beat(endpoint).status()).isEqualTo(200);
        assertThat(Duration.ofNanos(System.nanoTime() - since)).isLessThan(Duration.ofSeconds(4));
    }

    private static byte[] report(int size) {
        byte[] random = new byte[size];
        new Random().nextBytes(random);
        return AgentRequest.newBuilder()
                .setHardwareReport(ByteString.copyFrom(random))
                .build()
                .toByteArray();
    }

    private long count(Outcome outcome) {
        return endpoint.status().requests().getOrDefault(outcome, 0L);
    }

    @Test
    void hundredsOfSlowRequestsDelayNoOther() throws Exception {
        start(limits -> limits.maxConnectionsPerAddress(1_000)
                .headTimeout(Duration.ofMinutes(2))
                .bodyTimeout(Duration.ofMinutes(2)));
        for (int i = 0; i < 300; i++) {
            String part = i % 2 == 0 ? "POST /v1/agent HT" : "POST /v1/agent HTTP/1.1\r\nHost: x\r\nX-A: b";
            connect(hostile).send(part);
        }
        byte[] large = report(100_000);
        for (int i = 0; i < 100; i++) {
            connect(hostile)
                    .send("POST /v1/agent HTTP/1.1\r\n" + hostile.headers(large) + "Content-Length: 100000\r\n\r\nab");
        }
        for (int i = 0; i < 20; i++) {
            victimIsHeardAtOnce();
        }
        assertThat(endpoint.status().connections()).isGreaterThanOrEqualTo(400);
    }

    @Test
    void slowHeadsAndBodiesAreCutOff() throws Exception {
        start(limits -> limits.headTimeout(Duration.ofMillis(300)).bodyTimeout(Duration.ofSeconds(20)));
        TestMachine.Connection silent = connect(hostile);
        TestMachine.Connection head = connect(hostile).send("POST /v1/agent HTTP/1.1\r\nHost: x\r\n");
        byte[] large = report(100_000);
        TestMachine.Connection body = connect(hostile)
                .send("POST /v1/agent HTTP/1.1\r\n" + hostile.headers(large) + "Content-Length: 100000\r\n\r\nab");
        assertThat(silent.isClosed()).isTrue();
        assertThat(head.isClosed()).isTrue();
        assertThat(body.isClosed()).isTrue();
        assertThat(endpoint.status().tooSlow()).isEqualTo(2);
        await().untilAsserted(() -> assertThat(endpoint.status().connections()).isZero());
    }

    @Test
    void aBodyThatArrivesFastEnoughMayTakeLongerThanAHead() throws Exception {
        start(limits -> limits.headTimeout(Duration.ofMillis(200)).minBodyRate(1));
        byte[] body = report(1_000);
        byte[] request = hostile.request(body);
        TestMachine.Connection connection = connect(hostile);
        connection.send(java.util.Arrays.copyOf(request, request.length - 500));
        long since = System.nanoTime();
        await().until(() -> System.nanoTime() - since > 1_000_000_000L);
        connection.send(java.util.Arrays.copyOfRange(request, request.length - 500, request.length));
        assertThat(connection.read().status()).isEqualTo(200);
    }

    @Test
    void connectionsThatDoNothingGiveWayToNewOnesOfTheirAddress() throws Exception {
        start(limits -> limits.maxConnectionsPerAddress(8));
        TestMachine.Connection kept = connect(victim);
        for (int i = 0; i < 20; i++) {
            connect(hostile);
        }
        assertThat(hostile.beat(endpoint).status()).isEqualTo(200);
        assertThat(kept.send(victim.request(new byte[0])).read().status()).isEqualTo(200);
        assertThat(endpoint.status().evicted()).isBetween(12L, 13L);
        assertThat(endpoint.status().connections()).isLessThanOrEqualTo(9);
        assertThat(open.get(1).isClosed()).isTrue();
    }

    @Test
    void connectionsThatDoNothingGiveWayToNewOnesOfOthersOnceThereAreTooMany() throws Exception {
        start(limits -> limits.maxConnections(10));
        for (int i = 0; i < 30; i++) {
            connect(hostile);
        }
        victimIsHeardAtOnce();
        assertThat(endpoint.status().connections()).isLessThanOrEqualTo(10);
    }

    @Test
    void whereAllConnectionsAreBeingAnsweredNoMoreAreAcceptedUntilOneIsDone() throws Exception {
        start(limits -> limits.maxConnections(2));
        assertThat(hostile.beat(endpoint).status()).isEqualTo(200);
        await().until(() -> endpoint.status().connections() == 0);
        TestMachine.Connection late;
        try (var connection = DriverManager.getConnection(database.jdbcUrl());
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute(
                    "select 1 from machine_agent_heartbeat where machine_id = '" + hostile.id() + "' for update");
            for (int i = 0; i < 2; i++) {
                connect(hostile).send(hostile.request(new byte[0]));
            }
            await().until(() -> endpoint.status().connections() == 2);
            await().until(() -> !acceptsConnections());
            late = connect(victim).send(victim.request(new byte[0]));
            assertThat(endpoint.status().connections()).isEqualTo(2);
            connection.rollback();
        }
        assertThat(late.read().status()).isEqualTo(200);
        assertThat(endpoint.status().evicted()).isPositive();
    }

    private boolean acceptsConnections() {
        return endpoint.server().accepts();
    }

    @Test
    void aMachineThatCallsTooOftenIsToldWhenToComeAgainAndTheOthersAreHeard() throws Exception {
        start(limits -> limits.heartbeatsPerMinute(5));
        try (TestMachine.Connection connection = hostile.connect(endpoint)) {
            List<Integer> statuses = new ArrayList<>();
            TestMachine.Reply last = null;
            for (int i = 0; i < 7; i++) {
                last = connection.send(hostile.request(new byte[0])).read();
                statuses.add(last.status());
            }
            assertThat(statuses).containsExactly(200, 200, 200, 200, 200, 429, 429);
            assertThat(last.reason()).isEqualTo("TOO_MANY");
            assertThat(Integer.parseInt(last.headers().get("retry-after"))).isBetween(1, 12);
        }
        victimIsHeardAtOnce();
        assertThat(count(Outcome.TOO_MANY)).isEqualTo(2);
    }

    @Test
    void reportsAreLimitedByNumberAndByBytesAndHeartbeatsGoOn() throws Exception {
        start(limits -> limits.reportsPerHour(3).maxBodySize(10_000).reportBytesPerHour(20_000));
        for (int i = 0; i < 2; i++) {
            assertThat(hostile.send(endpoint, report(9_000)).status()).isEqualTo(200);
        }
        TestMachine.Reply tooManyBytes = hostile.send(endpoint, report(9_000));
        assertThat(tooManyBytes.status()).isEqualTo(429);
        assertThat(Integer.parseInt(tooManyBytes.headers().get("retry-after"))).isPositive();
        assertThat(hostile.beat(endpoint).status()).isEqualTo(200);
        TestMachine other = TestMachine.recorded(database, THERE);
        for (int i = 0; i < 3; i++) {
            assertThat(other.send(endpoint, report(10)).status()).isEqualTo(200);
        }
        assertThat(other.send(endpoint, report(10)).status()).isEqualTo(429);
        assertThat(other.beat(endpoint).status()).isEqualTo(200);
        assertThat(victim.send(endpoint, report(9_000)).status()).isEqualTo(200);
    }

    @Test
    void whatOthersSendInAMachinesNameTakesNothingFromIt() throws Exception {
        start(limits -> limits.heartbeatsPerMinute(5).strangerCallsPerMinute(3));
        assertThat(victim.beat(endpoint).status()).isEqualTo(200);
        List<Integer> forged = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            try (TestMachine.Connection connection = hostile.connect(endpoint)) {
                forged.add(connection.send(victim.forged()).read().status());
            }
        }
        assertThat(forged).containsOnly(401);
        for (int i = 0; i < 4; i++) {
            victimIsHeardAtOnce();
        }
    }

    @Test
    void strangersOfAnAddressAreLimitedAndTheAgentsOfThatAddressAreNot() throws Exception {
        start(limits -> limits.strangerCallsPerMinute(3));
        assertThat(hostile.beat(endpoint).status()).isEqualTo(200);
        TestMachine stranger = TestMachine.unknown(THERE);
        List<Integer> statuses = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            statuses.add(stranger.beat(endpoint).status());
        }
        assertThat(statuses).containsExactly(404, 404, 404, 429, 429);
        assertThat(hostile.beat(endpoint).status()).isEqualTo(200);
        // A stranger until its first call, and of another address.
        assertThat(victim.beat(endpoint).status()).isEqualTo(200);
    }

    @Test
    void behindAProxyTheAddressThatItNamesCounts() throws Exception {
        start(limits -> limits.strangerCallsPerMinute(2)
                .maxConnectionsPerAddress(1)
                .proxies(List.of(InetAddress.getLoopbackAddress())));
        TestMachine stranger = TestMachine.unknown(HERE);
        List<Integer> statuses = new ArrayList<>();
        connect(victim);
        connect(victim);
        for (String caller : List.of("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1")) {
            String headers = stranger.headers(new byte[0]) + "X-Forwarded-For: 127.0.0.1, " + caller + "\r\n";
            TestMachine.Connection connection = connect(stranger);
            statuses.add(connection
                    .send(TestMachine.request(headers, new byte[0]))
                    .read()
                    .status());
        }
        assertThat(statuses).containsExactly(404, 404, 429, 404, 404);
        assertThat(endpoint.status().evicted()).isZero();
    }

    @Test
    void garbageAndOtherMethodsAreAnsweredWithoutALineInTheLog() throws Exception {
        start(limits -> limits);
        List<String> lines = new ArrayList<>();
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord record) {
                lines.add(record.getMessage());
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        Logger.getLogger("").addHandler(handler);
        try {
            assertThat(connect(hostile)
                            .send("HEAD /v1/agent HTTP/1.1\r\nHost: x\r\n\r\n")
                            .read()
                            .status())
                    .isEqualTo(405);
            assertThat(connect(hostile)
                            .send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
                            .read()
                            .status())
                    .isEqualTo(404);
            assertThat(connect(hostile)
                            .send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
                            .read()
                            .status())
                    .isEqualTo(404);
            for (String garbage : List.of(
                    "\r\n\r\n\0\1\2\3\r\n\r\n",
                    "GET\r\n\r\n",
                    "GET / HTTP/9.9\r\nA\r\n\r\n",
                    "POST /" + "z".repeat(5_000) + " HTTP/1.1\r\n\r\n",
                    "POST /v1/agent HTTP/1.1\r\nX: " + "z".repeat(20_000) + "\r\n\r\n",
                    "POST /v1/agent HTTP/1.1\r\n" + "X: y\r\n".repeat(500) + "\r\n",
                    "POST /v1/agent HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                    "POST /v1/agent HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                    "POST /v1/agent HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + hostile.headers(new byte[0])
                            + "\r\nzz\r\n")) {
                TestMachine.Connection connection = connect(hostile).send(garbage);
                assertThat(connection.read().status()).as(garbage).isIn(0, 400);
                assertThat(connection.isClosed()).isTrue();
            }
        } finally {
            Logger.getLogger("").removeHandler(handler);
        }
        assertThat(lines).isEmpty();
        assertThat(endpoint.server().failures().isQuiet()).isTrue();
        victimIsHeardAtOnce();
    }

    @Test
    void pipelinedRequestsAreAnsweredInTurnAndConnectionsEndAfterSoManyRequests() throws Exception {
        start(limits -> limits.maxRequestsPerConnection(10).heartbeatsPerMinute(100));
        ByteArrayOutputStream requests = new ByteArrayOutputStream();
        for (int i = 0; i < 30; i++) {
            requests.writeBytes(victim.request(new byte[0]));
        }
        TestMachine.Connection connection = connect(victim).send(requests.toByteArray());
        for (int i = 0; i < 10; i++) {
            TestMachine.Reply reply = connection.read();
            assertThat(reply.status()).isEqualTo(200);
            assertThat(reply.headers().get("connection")).isEqualTo(i < 9 ? "keep-alive" : "close");
        }
        assertThat(connection.isClosed()).isTrue();
        assertThat(count(Outcome.OK)).isEqualTo(10);
    }

    @Test
    void pipelinedRequestsThatAreTooManyAreEachToldSo() throws Exception {
        start(limits -> limits.heartbeatsPerMinute(1));
        ByteArrayOutputStream requests = new ByteArrayOutputStream();
        for (int i = 0; i < 4; i++) {
            requests.writeBytes(hostile.request(new byte[0]));
        }
        TestMachine.Connection connection = connect(hostile).send(requests.toByteArray());
        List<Integer> statuses = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            statuses.add(connection.read().status());
        }
        assertThat(statuses).containsExactly(200, 429, 429, 429);
    }

    @Test
    void chunksAndExpectationsAreUnderstood() throws Exception {
        start(limits -> limits);
        byte[] body = report(3_000);
        TestMachine.Connection connection = connect(victim);
        connection.send("POST /v1/agent HTTP/1.1\r\n" + victim.headers(body)
                + "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
        assertThat(connection.read().status()).isEqualTo(100);
        for (byte one : body) {
            connection.send("1\r\n").send(new byte[] {one}).send("\r\n");
        }
        connection.send("0\r\n\r\n");
        assertThat(connection.read().status()).isEqualTo(200);
        assertThat(database.bmdb().machine(victim.id()).orElseThrow().hardwareReport())
                .isPresent();
    }

    @Test
    void bodiesDoNotTakeMoreMemoryThanTheyMay() throws Exception {
        start(limits -> limits.maxConnectionsPerAddress(1_000));
        byte[] body = report(1_000_000);
        byte[] request = hostile.request(body);
        byte[] unfinished = java.util.Arrays.copyOf(request, request.length - 1);
        List<TestMachine.Connection> refused = new ArrayList<>();
        for (int i = 0; i < 70 && refused.isEmpty(); i++) {
            TestMachine.Connection connection = connect(hostile);
            try {
                connection.send(unfinished);
            } catch (java.io.IOException e) {
                refused.add(connection);
            }
            if (count(Outcome.QUEUE_FULL) > 0) {
                refused.add(connection);
            }
        }
        await().until(() -> count(Outcome.QUEUE_FULL) > 0);
        victimIsHeardAtOnce();
        assertThat(victim.send(endpoint, report(1_000_000)).status()).isEqualTo(200);
    }

    @Test
    void aThreadOfTheServerThatEndedIsReplaced() throws Exception {
        start(limits -> limits);
        InetSocketAddress before = endpoint.address();
        victimIsHeardAtOnce();

        endpoint.server().loops().next().shutdownGracefully(0, 0, java.util.concurrent.TimeUnit.SECONDS);

        await().until(() ->
                endpoint.status().restarts() == 1 && endpoint.status().listening());
        assertThat(endpoint.address()).isEqualTo(before);
        victimIsHeardAtOnce();
    }

    @Test
    void callsThatTheDatabaseFailsAreCountedAndTheAgentsAreToldToComeAgain() throws Exception {
        start(limits -> limits);
        victimIsHeardAtOnce();
        try (var connection = DriverManager.getConnection(database.jdbcUrl());
                Statement statement = connection.createStatement()) {
            statement.execute("create function full_disk() returns trigger language plpgsql as"
                    + " $$ begin raise exception using errcode = '53100', message = 'could not extend file'; end $$");
            statement.execute("create trigger full_disk before insert or update on machine_agent_heartbeat"
                    + " for each row execute function full_disk()");
            try {
                for (int i = 0; i < 5; i++) {
                    TestMachine.Reply reply = victim.beat(endpoint);
                    assertThat(reply.status()).isEqualTo(503);
                    assertThat(reply.reason()).isEqualTo("DATABASE_FAILED");
                    assertThat(reply.headers()).containsEntry("retry-after", "1");
                    assertThat(new String(reply.body(), StandardCharsets.UTF_8)).isEqualTo("try again\n");
                }
            } finally {
                statement.execute("drop function full_disk cascade");
            }
        }
        assertThat(count(Outcome.DATABASE_FAILED)).isEqualTo(5);
        victimIsHeardAtOnce();
    }
}
