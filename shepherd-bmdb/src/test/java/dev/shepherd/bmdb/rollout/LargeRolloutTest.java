package dev.shepherd.bmdb.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.Rollout;
import dev.shepherd.bmdb.operator.Rollout.State;
import dev.shepherd.bmdb.operator.RolloutActions;
import dev.shepherd.bmdb.operator.RolloutPlan;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Rollouts of more machines than one transaction takes, and what is counted of them. */
class LargeRolloutTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final RecoveryPolicy POLICY =
            RecoveryPolicy.builder().maxPerProvider(4).maxPerLocation(2).build();
    private static final AgentBuild OWN = new AgentBuild("0".repeat(64), Optional.empty());

    @TempDir
    Path folder;

    private final Rollouts rollouts = Rollouts.of(db.bmdb(), TestDatabase.PROVIDER, POLICY);

    private RolloutActions actions() {
        return RolloutActions.of(db.bmdb(), Actor.program("oncall"));
    }

    private Rollout start() throws Exception {
        Path agent = Files.writeString(folder.resolve("agent"), "a".repeat(3000));
        return actions().start(TestDatabase.PROVIDER, agent, RolloutPlan.DEFAULT, "a test");
    }

    private Rollout read(Rollout rollout) throws Exception {
        return Operator.of(db.bmdb()).rollout(rollout.id()).orElseThrow();
    }

    private void machines(int count) throws Exception {
        db.providedMachines(count);
        db.execute(
                "insert into machine_agent_started (machine_id, agent_started_at, agent_public_key, agent_sha256)"
                        + " select machine_id, now(), decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex') from machines");
        db.execute("insert into machine_agent_heartbeat select machine_id, now() from machines");
    }

    private long count(String step) throws Exception {
        return db.number("select count(*) from machine_rollout where rollout_step = ?", step);
    }

    private void done() throws Exception {
        db.execute("update machine_rollout set rollout_step = 'Done', rollout_until = null"
                + " where rollout_until is not null");
    }

    @Test
    void theRestOfALargeFleetIsListedByManagersBeforeTheFirstWave() throws Exception {
        machines(2 * RolloutEnrolment.BATCH + 17);
        BmdbSession session = db.session();

        Rollout rollout = start();
        assertThat(rollout.isListed()).isFalse();
        assertThat(rollout.counts().waiting()).isEqualTo(RolloutEnrolment.BATCH);

        // A machine that is taken over meanwhile, and comes after those that are listed.
        UUID last = UUID.fromString(db.rows("select machine_id from machines order by machine_id desc limit 1")
                .get(0));
        session.useTransaction(tx -> RolloutTakeovers.started(tx, last, TestDatabase.PROVIDER, Optional.of(OWN)));

        Rollouts.Look look = rollouts.look(session);
        assertThat(look.isReady()).isTrue();
        assertThat(look.waitingFor()).contains("its machines to be listed");
        assertThat(read(rollout).counts().waiting()).isEqualTo(2 * RolloutEnrolment.BATCH);
        assertThat(read(rollout).wave()).isZero();
        assertThat(rollouts.look(session).isReady()).isFalse();
        assertThat(read(rollout).isListed()).isTrue();
        assertThat(read(rollout).counts().waiting()).isEqualTo(2 * RolloutEnrolment.BATCH + 17);
        assertThat(count("Waiting")).isEqualTo(2 * RolloutEnrolment.BATCH + 17);

        rollouts.look(session);
        assertThat(read(rollout).wave()).isEqualTo(1);
        assertThat(count("Chosen")).isEqualTo(4);
    }

    @Test
    void whatIsLeftAloneByTheThousandIsPassedOverAtOnceAndListedAgainInParts() throws Exception {
        machines(RolloutEnrolment.BATCH + 300);
        db.execute("update machine_provided set provider_status = 'Missing'"
                + " where machine_id in (select machine_id from machines limit " + (RolloutEnrolment.BATCH + 200)
                + ")");
        BmdbSession session = db.session();
        Rollout rollout = start();

        int looks = 0;
        while (read(rollout).state() == State.RUNNING && looks++ < 200) {
            rollouts.look(session);
            db.execute("update rollouts set rollout_done = rollout_done"
                    + " + (select count(*) from machine_rollout where rollout_until is not null)");
            done();
        }

        assertThat(read(rollout).state()).isEqualTo(State.COMPLETED);
        assertThat(read(rollout).counts())
                .isEqualTo(new Rollout.Counts(0, 0, 0, 100, 0, 0, 0, RolloutEnrolment.BATCH + 200));
        assertThat(count("Passed")).isEqualTo(RolloutEnrolment.BATCH + 200);
    }

    @Test
    void aMachineThatIsLockedWhileOthersAreListedIsMetAfterThem() throws Exception {
        machines(12);
        BmdbSession session = db.session();
        UUID locked = UUID.fromString(
                db.rows("select machine_id from machines limit 1").get(0));
        Connection somebody = db.lock(List.of(locked));
        Rollout rollout = start();
        somebody.rollback();
        assertThat(rollout.counts().waiting()).isEqualTo(11);

        for (int look = 0; look < 20; look++) {
            rollouts.look(session);
            done();
        }

        assertThat(read(rollout).state()).isEqualTo(State.COMPLETED);
        assertThat(count("Done")).isEqualTo(12);
    }

    @Test
    void aMachineThatIsForgottenIsNoLongerCounted() throws Exception {
        machines(12);
        BmdbSession session = db.session();
        Rollout rollout = start();
        rollouts.look(session);
        OperatorActions operator = OperatorActions.of(db.bmdb(), Actor.program("oncall"));
        List<UUID> chosen = ids("Chosen");
        List<UUID> waiting = ids("Waiting");

        operator.forget(waiting.get(0), "a test");
        operator.forget(chosen.get(0), "a test");
        assertThat(read(rollout).counts().waiting()).isEqualTo(12 - chosen.size() - 1);

        // Of those left alone, too, which are counted another way.
        operator.quarantine(waiting.get(1), "a test");
        done();
        for (int look = 0; look < 3; look++) {
            rollouts.look(session);
            done();
        }
        while (ids("Passed").isEmpty()) {
            rollouts.look(session);
            done();
        }
        operator.forget(waiting.get(1), "a test");
        for (int look = 0; look < 10; look++) {
            rollouts.look(session);
            db.execute("update rollouts set rollout_done = (select count(*) from machine_rollout"
                    + " where rollout_step = 'Done' or rollout_until is not null)");
            done();
        }

        assertThat(read(rollout).state()).isEqualTo(State.COMPLETED);
        assertThat(read(rollout).counts()).isEqualTo(new Rollout.Counts(0, 0, 0, 9, 0, 0, 0, 0));
    }

    private List<UUID> ids(String step) throws Exception {
        return db
                .rows("select machine_id from machine_rollout where rollout_step = ? order by machine_id", step)
                .stream()
                .map(UUID::fromString)
                .toList();
    }

    @Test
    void aLocationWithoutRoomDoesNotKeepTheOthersFromTheirTurn() throws Exception {
        machines(RolloutEnrolment.BATCH + 200);
        // Those with the lowest ids are at a place that is frozen: more than one look reads.
        db.execute("update machine_provided set provider_location = case when machine_id in"
                + " (select machine_id from machines order by machine_id limit " + (RolloutEnrolment.BATCH + 100)
                + ") then 'full' else 'free' end");
        db.execute(
                "insert into recovery_freeze (provider, location, frozen_at, silent_since, freeze_evidence)"
                        + " values (?, 'full', now(), now(), 'a test')",
                TestDatabase.PROVIDER.name());
        BmdbSession session = db.session();
        Rollout rollout = start();

        for (int look = 0; look < 6 && ids("Chosen").isEmpty(); look++) {
            rollouts.look(session);
        }

        assertThat(db.rows("select distinct provider_location from machine_provided join machine_rollout"
                        + " using (machine_id) where rollout_step = 'Chosen'"))
                .containsExactly("free");
        assertThat(ids("Chosen")).hasSize(2);
        assertThat(read(rollout).counts().passed()).isZero();
    }

    @Test
    void aLookThatWaitsForRoomReadsNoMoreInALargerFleet() throws Exception {
        machines(2 * RolloutEnrolment.BATCH + 100);
        db.execute("update machine_provided set provider_location = 'full'");
        db.execute(
                "insert into recovery_freeze (provider, location, frozen_at, silent_since, freeze_evidence)"
                        + " values (?, 'full', now(), now(), 'a test')",
                TestDatabase.PROVIDER.name());
        Rollout rollout = start();
        BmdbSession session = db.session();
        while (!read(rollout).isListed()) {
            rollouts.look(session);
        }
        db.execute("vacuum analyze");
        db.execute("select pg_stat_force_next_flush()");
        db.execute("select pg_stat_reset()");

        try (Bmdb bmdb = db.open();
                BmdbSession looking = bmdb.startSession("test", "host")) {
            Rollouts.Look look =
                    Rollouts.of(bmdb, TestDatabase.PROVIDER, POLICY).look(looking);
            assertThat(look.isReady()).isFalse();
            assertThat(look.waitingFor())
                    .hasValueSatisfying(what -> assertThat(what).startsWith("the machines that are left"));
        }

        // Backends report what they did when they end, at the latest.
        await().until(() ->
                db.number("select sum(idx_scan) from pg_stat_user_tables" + " where relname = 'machine_rollout'") > 0);
        String read = "select coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)"
                + " from pg_stat_user_tables where relname = ?";
        assertThat(db.number(read, "machine_provided")).isLessThan(RolloutEnrolment.BATCH + 500);
        assertThat(db.number(read, "machine_rollout")).isLessThan(RolloutEnrolment.BATCH + 500);
        assertThat(db.number(read, "machines")).isLessThan(500);
    }
}
