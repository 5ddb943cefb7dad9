package dev.shepherd.bmdb.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.Eligibility;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.QueueCheck;
import dev.shepherd.bmdb.operator.RecoveryPolicies;
import dev.shepherd.bmdb.recovery.Recoveries;
import dev.shepherd.bmdb.recovery.RecoveryRules;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Holds the queue to the plain definition of what is due, whoever writes the tags. */
class DueQueueTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final WorkProcess OWN = new WorkProcess("UnitTest1");

    private static final RecoveryPolicy POLICY = RecoveryPolicy.builder()
            .silentAfterStart(Duration.ofMinutes(30))
            .silentAfterHeartbeat(Duration.ofMinutes(10))
            .cooldown(Duration.ofMinutes(15))
            .freezeReleaseAfter(Duration.ZERO)
            .build();

    /** What may happen to the machines of a fleet, also past the library. */
    private final class Life {
        private final Random random;
        private final BmdbSession session;
        private final List<UUID> machines = new ArrayList<>();
        private final List<Work> held = new ArrayList<>();

        Life(long seed) throws Exception {
            random = new Random(seed);
            session = db.session();
            for (int i = 0; i < 12; i++) {
                machines.add(db.machine());
            }
        }

        private UUID any() {
            return machines.get(random.nextInt(machines.size()));
        }

        private int minutes() {
            return random.nextInt(45);
        }

        private String now() {
            return "now() + " + db.offset().toMillis() + " * interval '1 millisecond'";
        }

        private String ago() {
            return now() + " - " + minutes() + " * interval '1 minute'";
        }

        private void sql(String sql, Object... parameters) throws SQLException {
            db.execute(sql, parameters);
        }

        /** Does something at random, and says what. */
        String step() throws Exception {
            int what = random.nextInt(33);
            UUID machine = any();
            switch (what) {
                case 0, 1 ->
                    sql(
                            "insert into machine_provided (machine_id, provider, provider_id) values (?, ?, ?)"
                                    + " on conflict do nothing",
                            machine,
                            random.nextInt(6) == 0 ? "other" : "test",
                            machine.toString());
                case 2 -> sql("delete from machine_provided where machine_id = ?", machine);
                case 3 ->
                    sql(
                            "update machine_provided set provider_status = ? where machine_id = ?",
                            List.of("Missing", "Provisioning", "Running", "Running")
                                    .get(random.nextInt(4)),
                            machine);
                case 4, 5, 6 ->
                    sql(
                            "insert into machine_agent_started values (?, " + ago() + ", '') on conflict (machine_id)"
                                    + " do update set agent_started_at = excluded.agent_started_at",
                            machine);
                case 7 -> sql("delete from machine_agent_started where machine_id = ?", machine);
                case 8, 9 ->
                    session.inTransaction(tx -> {
                        tx.putAgentHeartbeat(machine);
                        return true;
                    });
                case 10 ->
                    sql(
                            "insert into machine_agent_heartbeat values (?, " + ago() + ") on conflict (machine_id)"
                                    + " do update set agent_heartbeat_at = excluded.agent_heartbeat_at",
                            machine);
                case 11 -> sql("delete from machine_agent_heartbeat where machine_id = ?", machine);
                case 12 -> sql("update machine_agent_heartbeat set agent_heartbeat_at = " + now());
                case 13 ->
                    sql(
                            "insert into machine_os_installation_request values (?, ?, '') on conflict (machine_id)"
                                    + " do update set generation = excluded.generation",
                            machine,
                            random.nextInt(2));
                case 14 ->
                    sql(
                            "insert into machine_os_installation_report values (?, ?, ?, '') on conflict (machine_id)"
                                    + " do update set generation = excluded.generation,"
                                    + " os_installation_result = excluded.os_installation_result",
                            machine,
                            random.nextInt(2),
                            random.nextBoolean() ? "Success" : "Error");
                case 15 -> sql("delete from machine_os_installation_request where machine_id = ?", machine);
                case 16 ->
                    sql(
                            "insert into machine_unreachable values (?, " + ago() + ", ?) on conflict (machine_id)"
                                    + " do update set unreachable_attempts = excluded.unreachable_attempts",
                            machine,
                            1 + random.nextInt(5));
                case 17 -> sql("delete from machine_unreachable where machine_id = ?", machine);
                case 18 ->
                    sql(
                            "insert into machine_recovery values (?, 'Reboot', " + ago() + ", false, 1, 0, 0,"
                                    + " case when ? then now() end) on conflict (machine_id) do update set"
                                    + " recovery_attempted_at = excluded.recovery_attempted_at,"
                                    + " recovery_proved_at = excluded.recovery_proved_at",
                            machine,
                            random.nextBoolean());
                case 19 -> sql("delete from machine_recovery where machine_id = ?", machine);
                case 20 ->
                    sql(
                            random.nextBoolean()
                                    ? "insert into machine_quarantine values (?, now(), 'x', 'y') on conflict do nothing"
                                    : "delete from machine_quarantine where machine_id = ?",
                            machine);
                case 21 ->
                    sql(
                            "insert into pauses values (gen_random_uuid(), ?, ?, ?, 'x', 'y', now(), " + now()
                                    + " + ? * interval '1 minute')",
                            random.nextInt(8) == 0 ? null : machine,
                            random.nextBoolean() ? null : "test",
                            random.nextBoolean() ? null : random.nextBoolean() ? "ShepherdRecovery" : OWN.name(),
                            random.nextBoolean() ? null : minutes() - 10);
                case 22 ->
                    sql("delete from pauses where pause_id in (select pause_id from pauses order by pause_id limit 2)");
                case 23 ->
                    sql(
                            "insert into work_backoff values (?, ?, " + now() + " + ? * interval '1 minute', 'x', 60)"
                                    + " on conflict (machine_id, process) do update set until = excluded.until",
                            machine,
                            List.of("ShepherdRecovery", "ShepherdAgentStart", OWN.name())
                                    .get(random.nextInt(3)),
                            minutes() - 10);
                case 24 -> sql("delete from work_backoff where machine_id = ?", machine);
                case 25 -> {
                    WorkProcess process = List.of(
                                    WorkProcess.ACCESS, WorkProcess.AGENT_START, WorkProcess.RECOVERY, OWN)
                            .get(random.nextInt(4));
                    db.hold(session, process, machine).ifPresent(held::add);
                }
                case 26, 27 -> end();
                case 28 ->
                    session.inTransaction(tx -> {
                        tx.schedule(
                                OWN, machine, Instant.now().plus(db.offset()).plus(Duration.ofMinutes(minutes() - 10)));
                        return true;
                    });
                case 29 ->
                    sql(
                            "update machine_provided set provider_location = 'r', provider_check_at = now(),"
                                    + " provider = ?",
                            random.nextInt(4) == 0 ? "other" : "test");
                case 30, 31 -> lose(machine);
                default -> db.advance(Duration.ofSeconds(random.nextInt(600)));
            }
            return what + " on " + machine;
        }

        private void lose(UUID machine) throws Exception {
            BmdbSession dying = db.session();
            WorkProcess process =
                    List.of(WorkProcess.AGENT_START, WorkProcess.RECOVERY, OWN).get(random.nextInt(3));
            db.hold(dying, process, machine);
            db.expire(dying);
            db.bmdb().reapExpiredSessions();
        }

        private void end() throws InterruptedException {
            if (held.isEmpty()) {
                return;
            }
            try (Work work = held.remove(random.nextInt(held.size()))) {
                switch (random.nextInt(4)) {
                    case 0 -> work.fail(Backoff.constant(Duration.ofMinutes(5)), "of a test");
                    case 1 -> work.finish();
                    case 2 ->
                        work.finish(tx -> {
                            tx.putAgentStarted(work.machineId(), new byte[32]);
                        });
                    default -> work.close();
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void whateverHappensTheQueueHoldsWhatIsDueAndNothingElse(long seed) throws Exception {
        Life life = new Life(seed);
        List<String> steps = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            steps.add(life.step());
            life.session.inTransaction(tx -> {
                Handle handle = Handle.of(tx.dsl());
                DueQueue.Part part = new DueQueue.Part(WorkProcess.RECOVERY, TestDatabase.PROVIDER.name());
                return new DueQueue(handle).putOff(part, new RecoveryRules(handle.time(), POLICY).soonest());
            });
            String story = "seed " + seed + ", after " + steps;
            assertThat(up("ShepherdAgentStart", "test")).as(story).isEqualTo(dueForAgentStart());
            assertThat(up("ShepherdRecovery", "test")).as(story).isEqualTo(dueForRecovery());
            assertThat(up(OWN.name(), "")).as(story).isEqualTo(dueForOwn());
            assertThat(Operator.of(db.bmdb()).verifyQueue(POLICY)).as(story).matches(QueueCheck::isRight);
        }
        assertThat(steps).hasSize(100);
    }

    private static Set<String> up(String process, String provider) throws SQLException {
        return new TreeSet<>(db.rows(
                "select machine_id from work_due where process = ? and provider = ? and due_at <= " + time(),
                process,
                provider));
    }

    private static String time() {
        return "now() + " + db.offset().toMillis() + " * interval '1 millisecond'";
    }

    /** The plain definition of agent start, but for pauses of more than one machine, which claims ask for. */
    private static Set<String> dueForAgentStart() throws SQLException {
        return plain(
                "not exists (select from machine_agent_started a where a.machine_id = m.machine_id)",
                "'ShepherdAgentStart'");
    }

    /** The plain definition of recovery. */
    private static Set<String> dueForRecovery() throws SQLException {
        String silent = "exists (select from machine_agent_started a"
                + " left join machine_agent_heartbeat h on h.machine_id = a.machine_id"
                + " where a.machine_id = m.machine_id"
                + " and (h.machine_id is null and a.agent_started_at < %1$s - interval '30 minutes'"
                + " or h.agent_heartbeat_at < %1$s - interval '10 minutes'))";
        String stranded = "not exists (select from machine_agent_started a where a.machine_id = m.machine_id) and ("
                + "exists (select from machine_unreachable u where u.machine_id = m.machine_id"
                + " and u.unreachable_attempts >= " + POLICY.unreachableAttempts() + ")"
                + " or exists (select from machine_recovery r where r.machine_id = m.machine_id"
                + " and r.recovery_proved_at is null"
                + " and r.recovery_attempted_at <= %1$s - interval '"
                + POLICY.stuckAfter().toMinutes() + " minutes'"
                + " and exists (select from work_history y where y.machine_id = m.machine_id"
                + " and y.process = 'ShepherdAgentStart' and y.event = 'Failed'"
                + " and y.timestamp > r.recovery_attempted_at)))";
        return plain(
                ("(" + silent + " or " + stranded + ") and not exists (select from machine_recovery r"
                                + " where r.machine_id = m.machine_id"
                                + " and r.recovery_attempted_at > %1$s - interval '15 minutes')")
                        .formatted(time()),
                "'ShepherdRecovery'");
    }

    private static Set<String> plain(String condition, String process) throws SQLException {
        return new TreeSet<>(db.rows("select m.machine_id from machines m"
                + " join machine_provided p on p.machine_id = m.machine_id"
                + " where p.provider = 'test' and coalesce(p.provider_status, '') not in ('Missing', 'Provisioning')"
                + " and not exists (select from machine_quarantine q where q.machine_id = m.machine_id)"
                + " and not exists (select from machine_os_installation_request r"
                + " join machine_os_installation_report t on t.machine_id = r.machine_id and t.generation = r.generation"
                + " where r.machine_id = m.machine_id and t.os_installation_result = 'Success')"
                + " and not exists (select from work w where w.machine_id = m.machine_id"
                + " and w.process in ('ShepherdAccess', 'ShepherdAgentStart', 'ShepherdRecovery'))"
                + notHeldBack(process)
                + " and " + condition));
    }

    private static Set<String> dueForOwn() throws SQLException {
        String process = "'" + OWN.name() + "'";
        return new TreeSet<>(db.rows("select m.machine_id from work_schedule m"
                + " left join machine_provided p on p.machine_id = m.machine_id"
                + " where m.process = " + process + " and m.due_at <= " + time()
                + " and not exists (select from work w where w.machine_id = m.machine_id and w.process = m.process)"
                + notHeldBack(process)));
    }

    private static String notHeldBack(String process) {
        return " and not exists (select from work_backoff b where b.machine_id = m.machine_id and b.process = "
                + process + " and b.until > " + time() + ")"
                + " and not exists (select from pauses z where z.machine_id = m.machine_id"
                + " and coalesce(z.provider, p.provider, '') = coalesce(p.provider, '')"
                + " and coalesce(z.process, " + process + ") = " + process
                + " and (z.paused_until is null or z.paused_until > " + time() + "))";
    }

    /** Transactions that each see half of a change must not leave an entry out between them. */
    @Test
    void aMachineThatMovesIsLookedAtAgain() throws Exception {
        UUID machine = db.providedMachine();
        db.execute("insert into machine_agent_started values (?, now() - interval '2 hours', '')", machine);
        db.execute("update work_due set due_at = 'infinity' where machine_id = ?", machine);

        db.execute("update machine_provided set provider_location = 'elsewhere' where machine_id = ?", machine);

        assertThat(db.rows("select process, due_at < now() from work_due where machine_id = ?", machine))
                .containsExactly("ShepherdRecovery|t");
    }

    @Test
    void whateverHappensAtTheSameTimeTheQueueIsRightInTheEnd() throws Exception {
        List<UUID> machines = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            machines.add(db.providedMachine());
        }
        Bmdb bmdb = db.open(config -> config.poolSize(8));
        BmdbSession session = db.closeLater(bmdb.startSession("racer", "host"));
        Race.run(8, racer -> {
            Random random = new Random(racer);
            for (int i = 0; i < 120; i++) {
                UUID machine = machines.get(random.nextInt(machines.size()));
                change(session, random, machine);
            }
            return true;
        });
        assertThat(Operator.of(bmdb).verifyQueue(POLICY)).matches(QueueCheck::isRight);
        Set<UUID> due = ids(bmdb.query(dsl -> dsl.fetch(
                        "select m.machine_id from machines m where not exists (select from machine_agent_started a"
                                + " where a.machine_id = m.machine_id) and not exists (select from machine_quarantine q"
                                + " where q.machine_id = m.machine_id)")
                .getValues(0, UUID.class)));
        assertThat(claim(session, WorkProcess.AGENT_START, Eligibility.agentStart(TestDatabase.PROVIDER)))
                .isEqualTo(due);
    }

    @Test
    void twoTransactionsThatEachSeeHalfOfAChangeDoNotLoseIt() throws Exception {
        BmdbSession session = db.session();
        for (int round = 0; round < 20; round++) {
            UUID machine = db.providedMachine();
            db.execute("insert into machine_agent_started values (?, now(), '')", machine);
            db.execute("insert into machine_quarantine values (?, now(), 'x', 'y')", machine);
            Race.run(2, racer -> {
                raw(
                        session,
                        racer == 0
                                ? "delete from machine_quarantine where machine_id = ?"
                                : "delete from machine_agent_started where machine_id = ?",
                        machine);
                return true;
            });
            assertThat(up("ShepherdAgentStart", "test")).contains(machine.toString());
        }
    }

    /** As another program would: past the library, which locks the machine before it writes. */
    private static void change(BmdbSession session, Random random, UUID machine) throws InterruptedException {
        switch (random.nextInt(6)) {
            case 0 ->
                raw(
                        session,
                        "insert into machine_quarantine values (?, now(), 'x', 'y') on conflict do nothing",
                        machine);
            case 1 -> raw(session, "delete from machine_quarantine where machine_id = ?", machine);
            case 2 ->
                raw(session, "insert into machine_agent_started values (?, now(), '') on conflict do nothing", machine);
            case 3 -> raw(session, "delete from machine_agent_started where machine_id = ?", machine);
            default -> {
                for (Work work :
                        session.claim(WorkProcess.AGENT_START, Eligibility.agentStart(TestDatabase.PROVIDER), 2)) {
                    try (work) {
                        if (random.nextBoolean()) {
                            work.finish(tx -> {
                                tx.putAgentStarted(work.machineId(), new byte[32]);
                            });
                        }
                    }
                }
            }
        }
    }

    private static void raw(BmdbSession session, String sql, UUID machine) throws InterruptedException {
        write(session, tx -> {
            tx.dsl().execute(sql, machine);
            // Others change the same machine between the statement and the commit.
            tx.dsl().execute("select pg_sleep(0.005)");
        });
    }

    private interface Change {
        void make(BmdbTransaction tx);
    }

    private static void write(BmdbSession session, Change change) throws InterruptedException {
        session.useTransaction(tx -> {
            change.make(tx);
        });
    }

    private static Set<UUID> ids(List<UUID> list) {
        return new HashSet<>(list);
    }

    @Test
    void aClaimThatFindsLessThanItAskedForLooksAtWhatHasComeBeforeMeanwhile() throws Exception {
        for (int i = 0; i < 5; i++) {
            db.providedMachine();
        }
        Eligibility eligibility = Eligibility.agentStart(TestDatabase.PROVIDER);
        BmdbSession session = db.session();
        Set<UUID> claimed = new HashSet<>(claim(session, WorkProcess.AGENT_START, eligibility, 2));
        UUID early = db.providedMachine();
        db.execute("update work_due set due_at = now() - interval '1 day' where machine_id = ?", early);

        Set<UUID> rest = claim(session, WorkProcess.AGENT_START, eligibility, 4);

        assertThat(rest).hasSize(4).contains(early);
        assertThat(claimed).hasSize(2).doesNotContainAnyElementsOf(rest);
    }

    private static Set<UUID> claim(BmdbSession session, WorkProcess process, Eligibility eligibility)
            throws InterruptedException {
        return session.claim(process, eligibility, 1000).stream()
                .map(Work::machineId)
                .collect(Collectors.toSet());
    }

    @Test
    void aHeartbeatDoesNotTouchTheQueue() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        write(session, tx -> tx.putAgentStarted(machine, new byte[32]));
        Function<String, String> version = which -> {
            try {
                return db.rows("select xmin, ctid, due_at from work_due where machine_id = ?", machine)
                        .toString();
            } catch (SQLException e) {
                throw new IllegalStateException(e);
            }
        };
        String before = version.apply("before");
        write(session, tx -> tx.putAgentHeartbeat(machine));
        db.advance(Duration.ofMinutes(1));
        write(session, tx -> tx.putAgentHeartbeat(machine));
        assertThat(version.apply("after")).isEqualTo(before);
    }

    @Test
    void aPolicyWithShorterSpansDoesNotWaitForTheLongerOnes() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        write(session, tx -> tx.putAgentStarted(machine, new byte[32]));
        write(session, tx -> tx.putAgentHeartbeat(machine));
        assertThat(Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, POLICY)
                        .claim(session, 1)
                        .work())
                .isEmpty();
        db.advance(Duration.ofMinutes(5));

        RecoveryPolicy hasty = RecoveryPolicy.builder()
                .silentAfterHeartbeat(Duration.ofMinutes(4))
                .freezeReleaseAfter(Duration.ZERO)
                .freezeMinimum(1000)
                .build();
        assertThat(Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, POLICY)
                        .claim(db.session(), 1)
                        .work())
                .isEmpty();
        List<Work> claimed = Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, hasty)
                .claim(session, 1)
                .work();
        assertThat(claimed).singleElement().extracting(Work::machineId).isEqualTo(machine);
    }

    @Test
    void aScheduledMachineIsClaimedWhenItComesUpAndThenNoMore() throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();
        Instant now = db.bmdb().now();
        write(session, tx -> tx.schedule(OWN, machine, now.plusSeconds(60)));
        assertThat(session.claim(OWN, Eligibility.scheduled(OWN), 1)).isEmpty();
        db.advance(Duration.ofSeconds(61));
        Work work = session.claim(OWN, Eligibility.scheduled(OWN), 1).get(0);
        work.fail(Backoff.constant(Duration.ofSeconds(30)), "of a test");
        assertThat(session.claim(OWN, Eligibility.scheduled(OWN), 1)).isEmpty();
        db.advance(Duration.ofSeconds(60));
        session.claim(OWN, Eligibility.scheduled(OWN), 1).get(0).finish();
        db.advance(Duration.ofDays(1));
        assertThat(session.claim(OWN, Eligibility.scheduled(OWN), 1)).isEmpty();
    }

    @Test
    void whatIsScheduledDuringTheWorkSurvivesItsEnd() throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();
        Instant now = db.bmdb().now();
        write(session, tx -> tx.schedule(OWN, machine, now));
        Work first = session.claim(OWN, Eligibility.scheduled(OWN), 1).get(0);
        write(db.session(), tx -> tx.schedule(OWN, machine, now));
        first.finish();
        Work second = session.claim(OWN, Eligibility.scheduled(OWN), 1).get(0);
        second.finish(tx -> {
            tx.schedule(OWN, machine, now.plusSeconds(600));
        });
        assertThat(session.claim(OWN, Eligibility.scheduled(OWN), 1)).isEmpty();
        db.advance(Duration.ofSeconds(601));
        assertThat(session.claim(OWN, Eligibility.scheduled(OWN), 1)).hasSize(1);
    }

    @Test
    void theShepherdProcessesCannotBeScheduled() throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();
        assertThatThrownBy(() -> write(session, tx -> tx.schedule(WorkProcess.RECOVERY, machine, Instant.now())))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("ShepherdRecovery");
        assertThatThrownBy(() -> write(session, tx -> tx.schedule(OWN, UUID.randomUUID(), Instant.now())))
                .isInstanceOf(BmdbException.class)
                .hasMessageContaining("there is no machine");
    }

    @Test
    void whatWasDonePastTheDatabaseIsFoundAndMended() throws Exception {
        UUID lost = db.providedMachine();
        UUID idle = db.machine();
        db.execute("delete from work_due where machine_id = ?", lost);
        db.execute("insert into work_due values (?, 'ShepherdAgentStart', 'test', now())", idle);
        db.execute("insert into work_due values (?, 'ShepherdAgentStart', 'test', now())", UUID.randomUUID());

        QueueCheck check = Operator.of(db.bmdb()).verifyQueue(POLICY);
        assertThat(check.missing()).isEqualTo(1);
        assertThat(check.superfluous()).isEqualTo(2);
        assertThat(check.examples()).hasSize(3).anyMatch(example -> example.contains(lost.toString()));

        assertThat(Operator.of(db.bmdb()).rebuildQueue()).isEqualTo(2);
        assertThat(Operator.of(db.bmdb()).verifyQueue(POLICY)).matches(QueueCheck::isRight);
    }

    @Test
    void whatIsLateIsForThePolicyOfTheProviderToSay() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        write(session, tx -> tx.putAgentStarted(machine, new byte[32]));
        write(session, tx -> tx.putAgentHeartbeat(machine));
        db.execute("update work_due set due_at = now() + interval '1 hour' where machine_id = ?", machine);
        RecoveryPolicies usual = RecoveryPolicies.of(POLICY);
        RecoveryPolicy patient = POLICY.toBuilder()
                .silentAfterHeartbeat(Duration.ofHours(3))
                .silentAfterStart(Duration.ofHours(3))
                .build();

        Operator operator = Operator.of(db.bmdb());
        assertThat(operator.verifyQueue(usual).late()).isEqualTo(1);
        assertThat(operator.verifyQueue(usual.with(TestDatabase.PROVIDER, patient)))
                .matches(QueueCheck::isRight);
        assertThat(operator.verifyQueue(usual.with(new ProviderType("another"), patient))
                        .late())
                .isEqualTo(1);
    }

    @Test
    void whatIsInTheQueueForNoReasonDoesNotKeepOthersWaiting() throws Exception {
        for (int i = 0; i < 3; i++) {
            db.execute(
                    "insert into work_due values (?, 'ShepherdAgentStart', 'test', now() - interval '1 day')",
                    db.machine());
        }
        UUID due = db.providedMachine();
        BmdbSession session = db.session();
        assertThat(claim(session, WorkProcess.AGENT_START, Eligibility.agentStart(TestDatabase.PROVIDER), 2))
                .containsExactly(due);
        assertThat(Operator.of(db.bmdb()).verifyQueue(POLICY)).matches(QueueCheck::isRight);
    }

    private static Set<UUID> claim(BmdbSession session, WorkProcess process, Eligibility eligibility, int limit)
            throws InterruptedException {
        return session.claim(process, eligibility, limit).stream()
                .map(Work::machineId)
                .collect(Collectors.toSet());
    }

    @Test
    void theNextToComeUpIsKnown() throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();
        assertThat(db.bmdb().untilNextDue(OWN, null)).isEmpty();
        Instant now = db.bmdb().now();
        write(session, tx -> tx.schedule(OWN, machine, now.plusSeconds(60)));
        assertThat(db.bmdb().untilNextDue(OWN, null).orElseThrow())
                .isBetween(Duration.ofSeconds(50), Duration.ofSeconds(60));
    }
}
