package dev.shepherd.bmdb.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.WorkProcess;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.sql.Connection;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class BmdbMetricsTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();

    private Bmdb measured(Bmdb bmdb) {
        BmdbMetrics metrics = db.closeLater(BmdbMetrics.of(bmdb));
        metrics.bindTo(registry);
        return bmdb;
    }

    private double outcomes(String outcome) {
        return registry.get("shepherd.database.transaction.outcomes")
                .tag("outcome", outcome)
                .counter()
                .count();
    }

    private double retries(String cause) {
        return registry.get("shepherd.database.retries")
                .tag("cause", cause)
                .counter()
                .count();
    }

    private long transactions(String kind) {
        return registry.get("shepherd.database.transactions")
                .tag("kind", kind)
                .timer()
                .count();
    }

    private double pool(String name, String pool) {
        return registry.get("shepherd.database.pool." + name)
                .tag("pool", pool)
                .gauge()
                .value();
    }

    private double value(String name) {
        return registry.get(name).gauge().value();
    }

    private double count(String name) {
        return registry.get(name).functionCounter().count();
    }

    @Test
    void transactionsAreCountedByKindAndOutcomeAndTimed() throws Exception {
        Bmdb bmdb = measured(db.open());
        try (BmdbSession session = bmdb.startSession("test", "host")) {
            // Its start, and the heartbeat that follows at once; the next one is a long time ahead.
            await().until(() -> transactions("write") == 2);
            double before = outcomes("ok");

            session.useTransaction(tx -> {});
            session.useTransaction(tx -> tx.dsl().execute("select pg_sleep(0.2)"));
            bmdb.now();
            bmdb.query(dsl -> dsl.fetchExists(dsl.selectOne()));

            assertThat(outcomes("ok")).isEqualTo(before + 4);
            assertThat(transactions("write")).isEqualTo(4);
            assertThat(transactions("statement")).isEqualTo(1);
            assertThat(transactions("read")).isEqualTo(1);
            assertThat(registry.get("shepherd.database.transactions")
                            .tag("kind", "write")
                            .timer()
                            .max(TimeUnit.MILLISECONDS))
                    .isGreaterThanOrEqualTo(200);

            assertThatThrownBy(() -> bmdb.query(dsl -> dsl.execute("select 1 / 0")))
                    .isInstanceOf(BmdbException.class);
            assertThat(outcomes("failed")).isEqualTo(1);
            assertThatThrownBy(() -> session.useTransaction(tx -> {
                        throw new IllegalStateException("the body has changed its mind");
                    }))
                    .isInstanceOf(IllegalStateException.class);
            assertThat(outcomes("abandoned")).isEqualTo(1);
            Thread.currentThread().interrupt();
            assertThatThrownBy(bmdb::now).isInstanceOf(InterruptedException.class);
            assertThat(outcomes("interrupted")).isEqualTo(1);
            assertThat(outcomes("unknown")).isZero();
        }
    }

    @Test
    void retriesAreCountedByTheirCause() throws Exception {
        Bmdb bmdb = measured(db.open());
        try (BmdbSession session = bmdb.startSession("test", "host")) {
            // Its start, and the heartbeat that follows at once; the next one is a long time ahead.
            await().until(() -> transactions("write") == 2);
            double before = outcomes("ok");
            AtomicInteger attempts = new AtomicInteger();
            session.useTransaction(tx -> {
                switch (attempts.incrementAndGet()) {
                    case 1 -> tx.dsl().execute("do $$ begin raise 'a deadlock' using errcode = '40P01'; end $$");
                    case 2 -> tx.dsl().execute("select pg_terminate_backend(pg_backend_pid())");
                    case 3 -> tx.dsl().execute("do $$ begin raise 'a standby' using errcode = '25006'; end $$");
                    default -> {}
                }
            });

            assertThat(attempts).hasValue(4);
            assertThat(retries("contention")).isEqualTo(1);
            assertThat(retries("connection")).isEqualTo(1);
            assertThat(retries("not_primary")).isEqualTo(1);
            assertThat(outcomes("ok"))
                    .as("one transaction, however often it was tried")
                    .isEqualTo(before + 1);
        }
    }

    @Test
    void thePoolsShowTheirConnections() throws Exception {
        Bmdb bmdb = measured(db.open(config -> config.poolSize(3)));
        try (BmdbSession session = bmdb.startSession("test", "host")) {
            assertThat(pool("limit", "shepherd")).isEqualTo(3);
            assertThat(pool("limit", "shepherd-sessions")).isEqualTo(1);
            assertThat(pool("active", "shepherd")).isZero();

            session.useTransaction(tx -> assertThat(pool("active", "shepherd")).isEqualTo(1));

            await().untilAsserted(() -> assertThat(pool("idle", "shepherd")).isPositive());
            assertThat(pool("pending", "shepherd")).isZero();
        }
        bmdb.close();
        assertThat(pool("active", "shepherd")).as("of a pool that is closed").isNaN();
    }

    @Test
    void sessionsAreCountedAsHeldAndLostAndReaped() throws Exception {
        Bmdb bmdb = measured(db.open());
        BmdbSession lost = bmdb.startSession("test", "host");
        try (BmdbSession held = bmdb.startSession("test", "host")) {
            assertThat(value("shepherd.sessions.held")).isEqualTo(2);

            db.expire(lost);
            assertThat(bmdb.reapExpiredSessions()).isEqualTo(1);
            assertThatThrownBy(() -> lost.useTransaction(tx -> {})).isInstanceOf(RuntimeException.class);

            assertThat(count("shepherd.sessions.reaped")).isEqualTo(1);
            assertThat(count("shepherd.sessions.lost")).isEqualTo(1);
            assertThat(value("shepherd.sessions.held")).isEqualTo(1);
            assertThat(held.isAlive()).isTrue();
        }
        assertThat(value("shepherd.sessions.held")).isZero();
        assertThat(count("shepherd.sessions.lost")).as("closed is not lost").isEqualTo(1);
        bmdb.startSession("test", "host");
        bmdb.close();
        assertThat(count("shepherd.sessions.lost"))
                .as("nor is one that ends with the database")
                .isEqualTo(1);
    }

    @Test
    void heartbeatsOfSessionsThatFailAreCounted() throws Exception {
        Bmdb bmdb = measured(db.open(config -> config.sessionInterval(TestDatabase.LASTING)));
        try (BmdbSession session = bmdb.startSession("test", "host");
                Connection locking = db.transaction()) {
            TestDatabase.execute(locking, "lock table sessions in access exclusive mode");

            await().untilAsserted(() ->
                    assertThat(count("shepherd.sessions.heartbeat.failures")).isPositive());
            locking.rollback();
            session.isAlive();
        }
    }

    @Test
    void theConnectionForWakeUpsIsThereOrNotOrNotWanted() throws Exception {
        Bmdb bmdb = measured(db.open());
        assertThat(value("shepherd.database.wake.ups.connected"))
                .as("nothing waits for any")
                .isNaN();

        bmdb.onDue(WorkProcess.AGENT_START, TestDatabase.PROVIDER, () -> {});

        await().untilAsserted(() ->
                assertThat(value("shepherd.database.wake.ups.connected")).isEqualTo(1));
        bmdb.close();
        await().untilAsserted(() ->
                assertThat(value("shepherd.database.wake.ups.connected")).isZero());
    }

    @Test
    void closingTakesTheMetersAwayAndEndsTheObservation() throws Exception {
        Bmdb bmdb = db.open();
        BmdbMetrics metrics = BmdbMetrics.of(bmdb);
        metrics.bindTo(registry);
        bmdb.now();
        var timer = registry.get("shepherd.database.transactions")
                .tag("kind", "statement")
                .timer();
        assertThat(timer.count()).isEqualTo(1);

        metrics.close();

        bmdb.now();
        assertThat(timer.count()).isEqualTo(1);
        assertThat(registry.getMeters()).isEmpty();
        assertThat(Duration.ofNanos((long) timer.totalTime(TimeUnit.NANOSECONDS)))
                .isPositive();
    }

    @Test
    void whatAListenerTookAndThrewIsCounted() throws Exception {
        Bmdb bmdb = measured(db.open(config -> config.listener(event -> {}).listener(event -> {
            throw new IllegalStateException("on purpose");
        })));
        BmdbSession session = db.closeLater(bmdb.startSession("test", "host"));
        UUID machine = db.machine();
        session.useTransaction(tx -> tx.requestInstallation(machine, new byte[] {1}));

        await().until(() -> listener("delivered", 1) == 1 && listener("failed", 2) == 1);
        assertThat(listener("failed", 1)).isZero();
        assertThat(listener("dropped", 1)).isZero();
        assertThat(registry.get("shepherd.events.listener.waiting")
                        .tag("listener", "shepherd-listener-1")
                        .gauge()
                        .value())
                .isZero();
    }

    private double listener(String name, int number) {
        return registry.get("shepherd.events.listener." + name)
                .tag("listener", "shepherd-listener-" + number)
                .functionCounter()
                .count();
    }
}
