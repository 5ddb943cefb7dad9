package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.internal.Servers;
import dev.shepherd.bmdb.internal.SlowFailover;
import dev.shepherd.bmdb.operator.Operator;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.postgresql.ds.PGSimpleDataSource;

/** How the primary is found, and what the driver is told. */
class PrimarySourceTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    /** As one that is frozen, or whose host swallows what it is sent. The driver would spend all of its time on it. */
    @Test
    void aServerThatDoesNotAnswerHoldsUpNoOther() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            String url = db.url()
                    .replace("jdbc:postgresql://", "jdbc:postgresql://127.0.0.1:" + silent.getLocalPort() + ",");

            Bmdb bmdb = db.open(config -> config.jdbcUrl(url).connectTimeout(Duration.ofSeconds(2)));

            assertThat(bmdb.startSession("test", "host").isAlive()).isTrue();
            // The next connection goes to the one that answered, before any other is tried.
            assertThat(bmdb.servers().preferred()).isOne();
        }
    }

    /** A pool that failed to connect pauses, in the end for 5 s: in the time given, it would try some fifteen times. */
    @Test
    void aPrimaryIsLookedForWithoutGrowingPauses() throws Exception {
        TcpProxy proxy = db.closeLater(new TcpProxy(db.url()));
        Bmdb bmdb = db.open(config -> config.jdbcUrl(proxy.url(db.url())));
        proxy.cut();

        await().atMost(Duration.ofSeconds(30)).until(() -> proxy.refused() > 60);

        proxy.heal();
        await().ignoreExceptions()
                .untilAsserted(() -> assertThat(Operator.of(bmdb).quarantined()).isEmpty());
    }

    @Test
    void whatIsOnlySlowIsNotEnded() throws Exception {
        Bmdb bmdb = db.open();

        int answered = bmdb.query(dsl -> {
            int answers = 0;
            while (bmdb.servers().looks() < 2) {
                dsl.fetch("select pg_sleep(0.1)");
                answers++;
            }
            return answers;
        });

        assertThat(answered).isPositive();
    }

    @Test
    void aServerFollowsThoseOfItsSystemThatWereThePrimaryBefore() {
        Servers.Server first = new Servers.Server("s", 10, 1);

        assertThat(new Servers.Server("s", 5, 2).follows(first)).as("promoted").isTrue();
        assertThat(new Servers.Server("s", 20, 1).follows(first))
                .as("started again")
                .isTrue();
        assertThat(first.follows(first)).isFalse();
        assertThat(first.follows(new Servers.Server("s", 5, 2))).isFalse();
        assertThat(new Servers.Server("other", 20, 2).follows(first)).isFalse();
    }

    private static PGSimpleDataSource driver(String parameters) {
        return Pools.driver(
                BmdbConfig.builder()
                        .jdbcUrl("jdbc:postgresql://a,b/fleet" + parameters)
                        .build(),
                Duration.ofSeconds(10),
                Duration.ofSeconds(30));
    }

    @Test
    void theDriverIsToldWhatMakesAFailoverShortUnlessTheUrlSaysOtherwise() {
        PGSimpleDataSource byDefault = driver("");

        assertThat(byDefault.getTargetServerType()).isEqualTo("primary");
        assertThat(byDefault.getConnectTimeout()).isEqualTo(2);
        assertThat(byDefault.getLoginTimeout()).isEqualTo(10);
        assertThat(byDefault.getSocketTimeout()).isEqualTo(30);
        assertThat(byDefault.getTcpKeepAlive()).isTrue();
        assertThat(SlowFailover.reasons(byDefault, Duration.ofSeconds(30))).isEmpty();

        assertThat(driver("?connectTimeout=7").getConnectTimeout()).isEqualTo(7);
    }

    @Test
    void whatMakesAFailoverLongIsNamed() throws Exception {
        assertThat(SlowFailover.reasons(driver("?targetServerType=any&connectTimeout=30"), Duration.ZERO))
                .satisfiesExactly(
                        reason -> assertThat(reason).startsWith("socketTimeout is 0"),
                        reason -> assertThat(reason).startsWith("targetServerType is any"),
                        reason -> assertThat(reason).startsWith("connectTimeout is 30"));

        PGSimpleDataSource own = new PGSimpleDataSource();
        own.setUrl(db.url());
        own.setLoginTimeout(5);
        try (var connection = own.getConnection()) {
            List<String> reasons = SlowFailover.reasons(connection);
            assertThat(reasons).singleElement().asString().startsWith("socketTimeout is 0");
        }
        own.setSocketTimeout(30);
        try (var connection = own.getConnection()) {
            assertThat(SlowFailover.reasons(connection)).isEmpty();
        }
    }
}
