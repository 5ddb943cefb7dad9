package dev.shepherd.bmdb.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.RecoveryAction;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.recovery.Recoveries.Begun;
import dev.shepherd.bmdb.recovery.Refusal.Kind;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Persons who reboot machines keep to the limits of recovery, together with recoverers. */
class InterventionLimitsTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final RecoveryPolicy POLICY =
            RecoveryPolicy.builder().maxPerProvider(3).maxPerLocation(2).build();

    private final List<UUID> machines = new ArrayList<>();
    private Recoveries recoveries;

    @BeforeEach
    void aFleetThatRecoveryWatches() throws Exception {
        for (int i = 0; i < 40; i++) {
            machines.add(db.providedMachine());
        }
        db.execute("insert into machine_agent_started select machine_id, now() - interval '2 hours',"
                + " sha256(machine_id::text::bytea) from machines");
        db.execute("insert into machine_agent_heartbeat select machine_id, now() from machines");
        db.execute("insert into providers (provider, recovery_looked_at, recovery_looking_since)"
                + " values ('test', now(), now() - interval '2 hours')");
        recoveries = Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, POLICY);
    }

    private static void putInRecovery(UUID machine) throws SQLException {
        db.execute(
                "insert into machine_recovery (machine_id, recovery_action, recovery_attempted_at, recovery_under_way,"
                        + " recovery_attempts, recovery_reinstalls, recovery_failed_calls)"
                        + " values (?, 'Reboot', now(), false, 1, 0, 0)",
                machine);
    }

    private static void moveTo(String location, UUID machine) throws SQLException {
        db.execute("update machine_provided set provider_location = ? where machine_id = ?", location, machine);
    }

    private Begun begin(BmdbSession session, UUID machine, RecoveryAction action, boolean force) throws Exception {
        try (Work work = session.claimMachine(WorkProcess.ACCESS, machine).orElseThrow()) {
            return begin(work, action, force);
        }
    }

    private Begun begin(Work work, RecoveryAction action, boolean force) throws InterruptedException {
        return work.update(tx -> recoveries.beginIntervention(tx, work.machineId(), action, force, Optional.empty()));
    }

    private Refusal refused(UUID machine) throws Exception {
        Begun begun = begin(db.session(), machine, RecoveryAction.REBOOT, false);
        assertThat(begun.attempt()).isEmpty();
        assertThat(recoveries.refusal(machine, RecoveryAction.REBOOT)).isEqualTo(begun.refusal());
        return begun.refusal().orElseThrow();
    }

    private static long inRecovery() throws SQLException {
        return db.number("select count(*) from machine_recovery where recovery_proved_at is null")
                + db.number("select count(*) from work where process = 'ShepherdRecovery'");
    }

    @Test
    void twoPersonsAndTwoRecoverersWhoRaceForTheLastPlaceAreGivenOne() throws Exception {
        UUID silent = machines.get(0);
        db.execute(
                "update machine_agent_heartbeat set agent_heartbeat_at = now() - interval '1 hour'"
                        + " where machine_id = ?",
                silent);
        BmdbSession session = db.session();
        for (int round = 0; round < 25; round++) {
            putInRecovery(machines.get(38));
            putInRecovery(machines.get(39));
            List<Work> held = List.of(
                    session.claimMachine(WorkProcess.ACCESS, machines.get(1)).orElseThrow(),
                    session.claimMachine(WorkProcess.ACCESS, machines.get(2)).orElseThrow());

            List<Integer> taken = Race.run(
                    4,
                    i -> i < 2
                            ? begin(held.get(i), RecoveryAction.REBOOT, false)
                                    .attempt()
                                    .map(attempt -> 1)
                                    .orElse(0)
                            : recoveries.claim(session, 10).work().size());

            assertThat(taken.stream().mapToInt(Integer::intValue).sum())
                    .as("round %d: %s", round, taken)
                    .isEqualTo(1);
            assertThat(inRecovery()).isEqualTo(3);
            held.forEach(Work::close);
            db.execute("delete from work");
            db.execute("delete from machine_recovery");
            db.execute("delete from work_backoff");
        }
        assertThat(recoveries.claim(session, 10).work())
                .as("what the recoverers would have taken")
                .extracting(Work::machineId)
                .containsExactly(silent);
    }

    @Test
    void whoIsAtTheProvidersLimitIsNamed() throws Exception {
        for (int i = 1; i <= 3; i++) {
            putInRecovery(machines.get(i));
        }

        Refusal refusal = refused(machines.get(0));

        assertThat(refusal.kind()).isEqualTo(Kind.AT_LIMIT);
        assertThat(refusal.why())
                .startsWith("3 of at most 3 of the 40 machines of provider test are in recovery: ")
                .contains("id-" + machines.get(1), "id-" + machines.get(2), "id-" + machines.get(3));
    }

    @Test
    void theLimitOfALocationIsItsOwn() throws Exception {
        for (int i = 0; i < 20; i++) {
            moveTo("rack-1", machines.get(i));
        }
        putInRecovery(machines.get(1));
        putInRecovery(machines.get(2));

        assertThat(refused(machines.get(0)).why()).contains("2 of at most 2 of the 20 machines of location rack-1");
        assertThat(begin(db.session(), machines.get(30), RecoveryAction.REBOOT, false)
                        .attempt())
                .isPresent();
    }

    @Test
    void oneThatIsInRecoveryAlreadyNeedsNoFurtherPlace() throws Exception {
        for (int i = 1; i <= 3; i++) {
            putInRecovery(machines.get(i));
        }

        assertThat(begin(db.session(), machines.get(1), RecoveryAction.REBOOT, false)
                        .attempt())
                .isPresent();
    }

    @Test
    void anInstalledMachineTakesAPlaceOnlyIfItIsReinstalled() throws Exception {
        for (int i = 1; i <= 3; i++) {
            putInRecovery(machines.get(i));
        }
        UUID installed = machines.get(0);
        db.session()
                .useTransaction(tx -> tx.putInstallationReport(
                        installed,
                        tx.requestInstallation(installed, new byte[0]),
                        InstallationResult.SUCCESS,
                        new byte[0]));

        assertThat(begin(db.session(), installed, RecoveryAction.REINSTALL, false)
                        .refusal())
                .isPresent();
        assertThat(begin(db.session(), installed, RecoveryAction.REBOOT, false).attempt())
                .isPresent();
    }

    @Test
    void oneThatIsForcedGoesPastTheLimitAndIsCounted() throws Exception {
        for (int i = 1; i <= 3; i++) {
            putInRecovery(machines.get(i));
        }

        assertThat(begin(db.session(), machines.get(0), RecoveryAction.REBOOT, true)
                        .attempt())
                .isPresent();

        assertThat(refused(machines.get(5)).why()).startsWith("4 of at most 3");
    }

    @Test
    void aFreezeOfTheMachinesLocationProviderOrFleetStopsIt() throws Exception {
        moveTo("rack-1", machines.get(0));
        for (String scope : new String[] {"'', ''", "'test', ''", "'test', 'rack-1'"}) {
            db.execute("insert into recovery_freeze (provider, location, frozen_at, silent_since, freeze_evidence)"
                    + " values (" + scope + ", now(), now(), '9 of 10 agents fell silent')");
            assertThat(refused(machines.get(0)).kind()).isEqualTo(Kind.FROZEN);
            assertThat(refused(machines.get(0)).why()).contains("9 of 10 agents fell silent");
            db.execute("delete from recovery_freeze");
        }
        for (String scope : new String[] {"'other', ''", "'test', 'rack-2'"}) {
            db.execute("insert into recovery_freeze (provider, location, frozen_at, silent_since, freeze_evidence)"
                    + " values (" + scope + ", now(), now(), '9 of 10 agents fell silent')");
        }
        assertThat(recoveries.refusal(machines.get(0), RecoveryAction.REBOOT)).isEmpty();
    }

    @Test
    void aPauseThatConcernsRecoveryOrTheProviderStopsIt() throws Exception {
        OperatorActions actions = OperatorActions.of(db.bmdb(), Actor.program("bob"));
        UUID machine = machines.get(0);
        actions.pause(machine, null, WorkProcess.AGENT_START, "unrelated", null);
        actions.pause(machines.get(1), null, null, "another's", null);
        assertThat(recoveries.refusal(machine, RecoveryAction.REBOOT)).isEmpty();

        for (UUID pause : List.of(
                actions.pause(machine, null, null, "new disks", null).id(),
                actions.pause(null, TestDatabase.PROVIDER, null, "new disks", null)
                        .id(),
                actions.pause(null, null, WorkProcess.RECOVERY, "new disks", null)
                        .id())) {
            assertThat(refused(machine).kind()).isEqualTo(Kind.PAUSED);
            assertThat(refused(machine).why()).contains("bob", "new disks", pause.toString());
            actions.resume(pause, "done");
        }
        assertThat(begin(db.session(), machine, RecoveryAction.REBOOT, false).attempt())
                .isPresent();
    }
}
