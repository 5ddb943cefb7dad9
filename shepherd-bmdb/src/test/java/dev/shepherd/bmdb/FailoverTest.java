package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.event.StoredEvent;
import dev.shepherd.bmdb.feed.EventFeed;
import dev.shepherd.bmdb.feed.EventReader;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.postgres.PostgresPair;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A primary that goes away, and a standby that takes its place. */
class FailoverTest {

    private static final ProviderType PROVIDER = new ProviderType("test");
    private static final Eligibility ELIGIBLE = Eligibility.agentStart(PROVIDER);
    private static final int MACHINES = 400;
    private static final int WORKERS = 4;

    private static PostgresPair pair;
    private static final AtomicInteger databases = new AtomicInteger();

    private String database;
    private String url;

    @BeforeAll
    static void startAPair() {
        pair = PostgresPair.start();
    }

    @AfterAll
    static void endThePair() {
        pair.close();
    }

    @BeforeEach
    void makeADatabase() {
        database = "fleet" + databases.incrementAndGet();
        url = pair.createDatabase(database);
    }

    private Bmdb open(Duration interval) {
        return Bmdb.open(
                BmdbConfig.builder().jdbcUrl(url).sessionInterval(interval).build());
    }

    private long number(String sql) throws SQLException {
        try (Connection connection = pair.connect(database);
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getLong(1);
        }
    }

    private void execute(String sql) throws SQLException {
        try (Connection connection = pair.connect(database);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private void failOver() {
        pair.crashPrimary();
        pair.promote();
    }

    /** What a webhook is made of: each event whose commit was answered is read, in order, by the one that goes on. */
    @Test
    void aReaderOfEventsGoesOnOnTheNewPrimary() throws Exception {
        int events = 40;
        try (Bmdb bmdb = open(TestDatabase.LASTING)) {
            OperatorActions actions = OperatorActions.of(bmdb, Actor.program("oncall"));
            execute("insert into machines values ('00000000-0000-0000-0000-000000000001')");
            UUID machine = new UUID(0, 1);
            List<StoredEvent> read = new ArrayList<>();
            AtomicBoolean over = new AtomicBoolean();
            CompletableFuture<Void> reading = CompletableFuture.runAsync(() -> readUntil(bmdb, over, events, read));
            for (int i = 0; i < events / 4; i++) {
                actions.quarantine(machine, "round " + i);
                if (i == events / 8) {
                    failOver();
                }
                actions.release(machine, "round " + i);
            }
            over.set(true);
            reading.get(120, TimeUnit.SECONDS);

            assertThat(read).extracting(StoredEvent::position).isSorted();
            assertThat(read)
                    .filteredOn(one -> one.event().machineId().isPresent())
                    .extracting(one -> one.event().kind())
                    .hasSize(events)
                    .startsWith(EventKind.QUARANTINED, EventKind.OPERATOR_ACTION, EventKind.RELEASED);
        } finally {
            pair.restoreStandby();
        }
    }

    private static void readUntil(Bmdb bmdb, AtomicBoolean over, int events, List<StoredEvent> read) {
        EventReader reader = null;
        try {
            while (true) {
                try {
                    if (reader == null) {
                        reader = EventFeed.of(bmdb)
                                .reader(bmdb.startSession("reader", ""), "tickets", EventReader.From.START);
                    }
                    List<StoredEvent> next = reader.next(3);
                    for (StoredEvent one : next) {
                        // What is read again, since its end was not noted, is known by its position.
                        if (read.isEmpty() || read.get(read.size() - 1).position() < one.position()) {
                            read.add(one);
                        }
                        reader.done(one);
                    }
                    long ofMachine = read.stream()
                            .filter(one -> one.event().machineId().isPresent())
                            .count();
                    if (over.get() && next.isEmpty() && ofMachine >= events) {
                        return;
                    }
                    Thread.sleep(next.isEmpty() ? 20 : 0);
                } catch (SessionExpiredException | IllegalStateException e) {
                    reader = null;
                } catch (BmdbException e) {
                    Thread.sleep(200);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void noFinishThatWasAnsweredIsLostWithThePrimaryAndEveryMachineIsFinishedOnce() throws Exception {
        try (Bmdb bmdb = open(TestDatabase.LASTING)) {
            execute("with made as (insert into machines select gen_random_uuid() from generate_series(1, " + MACHINES
                    + ") returning machine_id) insert into machine_provided (machine_id, provider, provider_id)"
                    + " select machine_id, 'test', machine_id::text from made");
            Set<UUID> answered = ConcurrentHashMap.newKeySet();
            CountDownLatch someDone = new CountDownLatch(MACHINES / 4);
            List<Thread> workers = new ArrayList<>();
            for (int i = 0; i < WORKERS; i++) {
                Thread worker = new Thread(() -> workUntilDone(bmdb, answered, someDone));
                workers.add(worker);
                worker.start();
            }

            assertThat(someDone.await(60, TimeUnit.SECONDS)).isTrue();
            failOver();

            for (Thread worker : workers) {
                worker.join(Duration.ofSeconds(60).toMillis());
                assertThat(worker.isAlive()).isFalse();
            }
            // Whose outcome could not be found out is done as well, though nobody was told.
            assertThat(number("select count(*) from machine_agent_started")).isEqualTo(MACHINES);
            assertThat(number("select count(*) from work_history where event = 'Finished'"))
                    .isEqualTo(MACHINES);
            try (Connection connection = pair.connect(database);
                    Statement statement = connection.createStatement();
                    ResultSet rows =
                            statement.executeQuery("select claim_id from work_history where event = 'Finished'")) {
                while (rows.next()) {
                    answered.remove(rows.getObject(1, UUID.class));
                }
            }
            assertThat(answered).as("ends that were answered and are gone").isEmpty();
        } finally {
            pair.restoreStandby();
        }
    }

    /** Starts agents until there is no machine without one. A session that is lost is followed by another. */
    private void workUntilDone(Bmdb bmdb, Set<UUID> answered, CountDownLatch someDone) {
        boolean done = false;
        while (!done) {
            try (BmdbSession session = bmdb.startSession("worker", "host")) {
                List<Work> claimed = session.claim(WorkProcess.AGENT_START, ELIGIBLE, 2);
                while (!claimed.isEmpty()) {
                    for (Work work : claimed) {
                        try (work) {
                            work.finish(tx -> {
                                tx.putAgentStarted(work.machineId(), new byte[32]);
                            });
                            answered.add(work.claimId());
                            someDone.countDown();
                        }
                    }
                    claimed = session.claim(WorkProcess.AGENT_START, ELIGIBLE, 2);
                }
                done = number("select count(*) from machine_agent_started") == MACHINES;
            } catch (BmdbException | SessionExpiredException | WorkLostException | SQLException e) {
                // The primary is away: that is the point.
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    @Test
    void aSessionOutlivesAFailoverThatIsShorterThanItsInterval() throws Exception {
        try (Bmdb bmdb = open(Duration.ofSeconds(30));
                BmdbSession session = bmdb.startSession("test", "host")) {
            failOver();

            assertThat(session.<Boolean>inTransaction(tx -> true)).isTrue();
            assertThat(session.isAlive()).isTrue();
        } finally {
            pair.restoreStandby();
        }
    }

    /** Nothing else would end the wait: neither the timeout of an answer nor a heartbeat comes in time. */
    @Test
    @Tag("slow")
    void whatWaitsForAFrozenPrimaryGoesOnAtTheNextOne() throws Exception {
        BmdbConfig config = BmdbConfig.builder()
                .jdbcUrl(url)
                .sessionInterval(TestDatabase.LASTING)
                .socketTimeout(Duration.ofHours(1))
                .connectTimeout(Duration.ofMinutes(10))
                .build();
        UUID machine = UUID.randomUUID();
        try (Bmdb bmdb = Bmdb.open(config);
                BmdbSession session = bmdb.startSession("test", "host")) {
            assertThat(session.<Boolean>inTransaction(tx -> true)).isTrue();
            pair.freezePrimary();
            CompletableFuture<Boolean> written = CompletableFuture.supplyAsync(() -> {
                try {
                    return session.<Boolean>inTransaction(tx -> {
                        tx.createMachine(machine);
                        return true;
                    });
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            await().until(() -> bmdb.servers().looks() > 0);
            assertThat(written).isNotDone();

            pair.promote();

            assertThat(written.get(20, TimeUnit.SECONDS)).isTrue();
            assertThat(number("select count(*) from machines where machine_id = '" + machine + "'"))
                    .isOne();
        } finally {
            pair.restoreStandby();
        }
    }

    @Test
    @Tag("slow")
    void aPrimaryThatDoesNotKnowThatItWasDemotedIsNotBelieved() throws Exception {
        try (PostgresPair two = PostgresPair.start()) {
            BmdbConfig config = BmdbConfig.builder()
                    .jdbcUrl(two.createDatabase("fleet"))
                    .connectTimeout(Duration.ofSeconds(2))
                    .build();
            UUID machine = UUID.randomUUID();
            try (Bmdb bmdb = Bmdb.open(config)) {
                two.freezePrimary();
                two.promote();
                await().atMost(Duration.ofSeconds(30))
                        .ignoreExceptionsInstanceOf(BmdbException.class)
                        .untilAsserted(() -> assertThat(bmdb.machine(machine)).isEmpty());

                // The next one is lost as well, and the one before is back: without what was written since.
                two.crashPrimary();
                two.thaw();

                assertThatThrownBy(() -> {
                            while (true) {
                                bmdb.machine(machine);
                            }
                        })
                        .isInstanceOfSatisfying(
                                BmdbException.class,
                                e -> assertThat(e.isDatabaseAway()).isTrue());
                await().untilAsserted(
                                () -> assertThat((Throwable) bmdb.servers().lastFailure())
                                        .hasMessageContaining("considers itself the primary"));
            }
        }
    }

    @Test
    void whoWaitsForWorkIsWokenByTheNewPrimaryToo() throws Exception {
        Semaphore woken = new Semaphore(0);
        try (Bmdb bmdb = open(Duration.ofSeconds(30));
                Bmdb.Subscription unused = bmdb.onDue(WorkProcess.AGENT_START, PROVIDER, woken::release)) {
            assertThat(woken.tryAcquire(30, TimeUnit.SECONDS)).as("listening").isTrue();

            failOver();

            // Whoever begins to listen looks once, for what came up meanwhile.
            assertThat(woken.tryAcquire(60, TimeUnit.SECONDS))
                    .as("listening again")
                    .isTrue();
            woken.drainPermits();
            execute("with made as (insert into machines select gen_random_uuid() returning machine_id)"
                    + " insert into machine_provided (machine_id, provider, provider_id)"
                    + " select machine_id, 'test', 'm-1' from made");
            assertThat(woken.tryAcquire(30, TimeUnit.SECONDS)).as("woken").isTrue();
        } finally {
            pair.restoreStandby();
        }
    }

    @Test
    void aServerThatOnlyReadsIsLeftForOneThatWrites() throws Exception {
        try (Bmdb bmdb = open(Duration.ofSeconds(30));
                BmdbSession session = bmdb.startSession("test", "host")) {
            // As a primary that was demoted while something between, such as a pooler, kept the connections open.
            try (Connection connection = pair.connect(database)) {
                run(connection, "alter system set default_transaction_read_only = on");
                run(connection, "select pg_reload_conf()");
                try {
                    await().until(this::isReadOnly);
                    long before = connectionsMade(connection);
                    Thread promotion = new Thread(() -> {
                        // It was left, and no other was found as yet.
                        await().until(() -> connectionsMade(connection) > before);
                        allowWriting(connection);
                    });
                    promotion.start();

                    UUID machine = UUID.randomUUID();
                    session.useTransaction(tx -> {
                        tx.createMachine(machine);
                    });

                    promotion.join();
                    assertThat(bmdb.machine(machine)).isPresent();
                    assertThat(session.isAlive()).isTrue();
                } finally {
                    allowWriting(connection);
                }
            }
        }
    }

    private static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static long connectionsMade(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(
                        "select sessions from pg_stat_database where datname = current_database()")) {
            row.next();
            return row.getLong(1);
        }
    }

    private boolean isReadOnly() throws SQLException {
        try (Connection connection = pair.connect(database);
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("show default_transaction_read_only")) {
            row.next();
            return row.getString(1).equals("on");
        }
    }

    private static void allowWriting(Connection connection) {
        try {
            run(connection, "alter system reset default_transaction_read_only");
            run(connection, "select pg_reload_conf()");
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void aStandbyIsNotTakenForTheDatabase() {
        String standby = pair.jdbcUrl(List.of(pair.ports().get(1 - pair.primary())), "postgres")
                .replace("&targetServerType=primary", "");
        BmdbConfig config = BmdbConfig.builder()
                .jdbcUrl(standby)
                .connectTimeout(Duration.ofSeconds(1))
                .build();

        assertThatThrownBy(() -> Bmdb.open(config))
                .isInstanceOf(BmdbException.class)
                .hasMessageContaining("takes no writes: it is a standby");
    }
}
